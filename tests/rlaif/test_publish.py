"""A bad folder is refused with one sentence, a publication is all or nothing, rollback goes down."""

import json
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import torch

from persona.adapter_folder import WEIGHTS
from persona.errors import AdapterError
from persona.linear_shapes import linear_shapes, shapes_on_disk
from rlaif.errors import PublishError
from rlaif.publish import (
    Publication,
    ServedBase,
    activate,
    place_folder,
    publish,
    rollback,
    verify_adapter,
    verify_registered,
)
from store.adapters import active_adapter, deploy, list_adapters, list_deployments
from store.database import Database, open_database
from store.erase import erase_visitor
from store.errors import ConflictError, LeaseError, NotFoundError
from store.lineage import taint
from store.night_records import NightClaim
from store.pairs import save_pairs
from store.records import Adapter
from tests.conftest import NOW
from tests.persona.tiny_model import (
    BASE_SHA256,
    tiny_model,
    tiny_tokenizer,
    write_adapter,
    write_weights,
)
from tests.store import rehearsal


@pytest.fixture(scope="module")
def base() -> ServedBase:
    model = tiny_model(len(tiny_tokenizer()))
    return ServedBase(sha256=BASE_SHA256, shapes=linear_shapes(model))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sound adapters, v1 and v2, to be copied."""
    folder = tmp_path_factory.mktemp("trained")
    for seed, name in enumerate(("v1", "v2", "v3"), start=1):
        write_adapter(folder / name, seed)
        _edit(folder / name, kind="night")
    return folder


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return open_database(f"sqlite:///{tmp_path / 'yogeiko.db'}")


@pytest.fixture
def copy(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained / "v1", tmp_path / "v1")
    return tmp_path / "v1"


def _edit(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _pairs(database: Database, count: int = 2) -> tuple[str, NightClaim, tuple[str, ...]]:
    """A visitor, tonight's claim and pairs of theirs."""
    words = [(f"話 {n}", f"返事 {n}") for n in range(count)]
    with database.session() as session:
        owner, turns = rehearsal.talk(session, NOW, *words)
        claim = rehearsal.claim(session, NOW)
        pairs = [rehearsal.pair(owner, turn, f"a{turn.id}", f"b{turn.id}") for turn in turns]
        save_pairs(session, claim, pairs, now=NOW)
    with database.reading() as session:
        ids = tuple(session.connection().exec_driver_sql("SELECT id FROM pairs").scalars())
    assert len(ids) == count
    return owner.visitor_id, claim, ids


def _publication(adapter: Adapter, pair_ids: tuple[str, ...]) -> Publication:
    return Publication(adapter=adapter, pair_ids=pair_ids, who="night", why="all gates passed")


def test_a_sound_folder_becomes_a_record(trained: Path, base: ServedBase) -> None:
    record = verify_adapter(trained / "v1", base, now=NOW, parent_id="v0")
    assert (record.id, record.kind, record.base) == ("v1", "night", BASE_SHA256)
    assert (record.parent_id, record.created_at) == ("v0", NOW)
    verify_registered(record, base)


def _flip(folder: Path) -> None:
    raw = bytearray((folder / WEIGHTS).read_bytes())
    raw[-7] ^= 1
    (folder / WEIGHTS).write_bytes(raw)


def _nan(folder: Path) -> None:
    write_weights(
        folder,
        {
            "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight": torch.full(
                (4, 32), torch.nan
            ),
            "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight": torch.zeros(64, 4),
        },
    )
    _edit(folder, kind="night")


def _truncate(folder: Path) -> None:
    os.truncate(folder / WEIGHTS, 1000)


def _link(folder: Path) -> None:
    (folder / "other.safetensors").symlink_to(folder / WEIGHTS)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (_flip, "was altered: its sha256 is"),
        (_truncate, "was altered"),
        (_nan, "no finite numbers"),
        (_link, "is a link or special file"),
        (lambda f: (f / "extra.bin").write_bytes(b"x"), "could hold pickled code"),
        (lambda f: (f / "optimizer.pt").write_bytes(b"x"), "could hold pickled code"),
        (lambda f: (f / "manifest.json").unlink(), "is no adapter manifest"),
        (lambda f: _edit(f, base_sha256="c" * 64), "was trained on base c"),
        (lambda f: (f / WEIGHTS).unlink(), "cannot be read"),
    ],
)
def test_a_harmed_folder_is_one_sentence(
    copy: Path, base: ServedBase, harm: Callable[[Path], object], words: str
) -> None:
    harm(copy)
    with pytest.raises(AdapterError, match=words) as caught:
        verify_adapter(copy, base, now=NOW)
    assert "\n" not in str(caught.value)


def test_a_registered_adapter_may_not_become_another(copy: Path, base: ServedBase) -> None:
    record = verify_adapter(copy, base, now=NOW)
    shutil.rmtree(copy)
    write_adapter(copy, seed=9)
    _edit(copy, kind="night")
    with pytest.raises(AdapterError, match="restore the folder"):
        verify_registered(record, base)


def test_a_folder_is_placed_whole_and_once(trained: Path, tmp_path: Path) -> None:
    adapters = tmp_path / "adapters"
    place = place_folder(trained / "v1", adapters)
    assert place == adapters / "v1"
    assert sorted(p.name for p in place.iterdir()) == sorted(
        p.name for p in (trained / "v1").iterdir()
    )
    assert place_folder(trained / "v1", adapters) == place
    assert place_folder(place, adapters) == place
    assert not [p for p in adapters.iterdir() if p.name.startswith(".partial")]
    other = tmp_path / "other"
    shutil.copytree(trained / "v2", other)
    _edit(other, id="v1")
    with pytest.raises(AdapterError, match="train under a fresh id"):
        place_folder(other, adapters)
    _edit(other, id="../v9")
    with pytest.raises(AdapterError, match="expected a folder name"):
        place_folder(other, adapters)


def test_a_publication_is_there_with_its_lineage_after_a_restart(
    database: Database, trained: Path, base: ServedBase
) -> None:
    _, claim, pair_ids = _pairs(database)
    record = verify_adapter(trained / "v1", base, now=NOW)
    for _ in range(2):
        with database.session() as session:
            publish(session, claim, _publication(record, pair_ids), NOW)
    url = database._writer.url.render_as_string()
    database.close()
    reopened = open_database(url)
    with reopened.reading() as session:
        assert active_adapter(session) == "v1"
        (deployment,) = list_deployments(session)
        assert (deployment.who, deployment.why) == ("night", "all gates passed")
        linked = session.connection().exec_driver_sql("SELECT pair_id FROM adapter_pairs")
        assert sorted(linked.scalars()) == sorted(pair_ids)


def test_a_night_that_was_taken_over_publishes_nothing(
    database: Database, trained: Path, base: ServedBase
) -> None:
    _, old, pair_ids = _pairs(database)
    record = verify_adapter(trained / "v1", base, now=NOW)
    with database.session() as session:
        rehearsal.claim(session, NOW + timedelta(hours=1), owner="two")
    with pytest.raises(LeaseError, match="taken over by two"), database.session() as session:
        publish(session, old, _publication(record, pair_ids), NOW)
    _nothing_happened(database)


def test_who_was_erased_during_training_is_in_no_adapter(
    database: Database, trained: Path, base: ServedBase, tmp_path: Path
) -> None:
    visitor, claim, pair_ids = _pairs(database)
    record = verify_adapter(trained / "v1", base, now=NOW)
    erase_visitor(database, visitor, exports=tmp_path / "exports", actor="visitor", now=NOW)
    with pytest.raises(ConflictError, match="train again without"), database.session() as session:
        publish(session, claim, _publication(record, pair_ids), NOW)
    _nothing_happened(database)


def _nothing_happened(database: Database) -> None:
    with database.reading() as session:
        assert list_adapters(session) == []
        assert list_deployments(session) == []


def _deployed(database: Database, trained: Path, base: ServedBase, *names: str) -> None:
    with database.session() as session:
        for name in names:
            rehearsal.ensure_adapter(session, verify_adapter(trained / name, base, now=NOW))
            deploy(session, name, who="night", why="test", now=NOW)


def test_rollback_goes_down_and_not_back_up(
    database: Database, trained: Path, base: ServedBase
) -> None:
    _deployed(database, trained, base, "v1", "v2", "v3")
    for expected in ("v2", "v1"):
        with database.session() as session:
            assert rollback(session, who="op", why="worse", now=NOW).id == expected
            assert active_adapter(session) == expected
    with (
        pytest.raises(PublishError, match=r"before v1; .* adapter activate"),
        database.session() as session,
    ):
        rollback(session, who="op", why="worse", now=NOW)
    with database.session() as session:
        activate(session, "v3", who="op", why="better after all", now=NOW)
        assert rollback(session, who="op", why="no", now=NOW).id == "v1"
    with database.reading() as session:
        audit = session.connection().exec_driver_sql("SELECT action FROM audit_log ORDER BY id")
        assert list(audit.scalars()) == [
            "adapter.rollback", "adapter.rollback", "adapter.activate", "adapter.rollback",
        ]  # fmt: skip


def test_rollback_passes_over_what_is_damaged_or_tainted(
    database: Database, trained: Path, base: ServedBase
) -> None:
    _deployed(database, trained, base, "v1", "v2", "v3")

    def check(adapter: Adapter) -> None:
        if adapter.id == "v2":
            raise AdapterError("v2 was altered")

    with database.session() as session:
        with pytest.raises(PublishError, match="no earlier adapter can be used: v2 was altered"):
            rollback(session, to="v2", who="op", why="worse", now=NOW, check=check)
        assert rollback(session, who="op", why="worse", now=NOW, check=check).id == "v1"
    with database.session() as session:
        activate(session, "v3", who="op", why="again", now=NOW)
        taint(session, ["v1"], "a visitor was erased", NOW)
    with (
        pytest.raises(ConflictError, match="may not be served"),
        database.session() as session,
    ):
        rollback(session, to="v1", who="op", why="worse", now=NOW)


def test_rollback_to_a_named_one(database: Database, trained: Path, base: ServedBase) -> None:
    _deployed(database, trained, base, "v1", "v2")
    with database.session() as session:
        rehearsal.ensure_adapter(session, verify_adapter(trained / "v3", base, now=NOW))
        with pytest.raises(PublishError, match=r"never in production; .* adapter activate v3"):
            rollback(session, to="v3", who="op", why="x", now=NOW)
        with pytest.raises(NotFoundError, match="no adapter has the id v9"):
            rollback(session, to="v9", who="op", why="x", now=NOW)
        with pytest.raises(PublishError, match="v2 is in production already"):
            rollback(session, to="v2", who="op", why="x", now=NOW)
        assert rollback(session, to="v1", who="op", why="x", now=NOW).id == "v1"


def test_shapes_come_from_the_configuration_alone(tmp_path: Path) -> None:
    model = tiny_model(len(tiny_tokenizer()))
    model.config.save_pretrained(tmp_path)
    assert shapes_on_disk(str(tmp_path)) == linear_shapes(model)
    assert "lm_head" not in linear_shapes(model)
