"""`yogeiko adapter` over a tiny base model on disk."""

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from app import cli
from app.clock import utc_now
from persona.base_model import base_sha256
from persona.card import SHIPPED_CARD
from rlaif.publish import read_record
from store.adapters import deploy, ensure_adapter
from store.database import Database, open_database
from store.lineage import link_pairs, taint
from store.pairs import list_pairs, save_pairs
from tests.persona.tiny_model import tiny_model, tiny_tokenizer, write_adapter
from tests.store import rehearsal


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    tiny_model(len(tiny_tokenizer())).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    base = base_sha256(str(model), str(model))
    for seed, name in enumerate(("v1", "v2"), start=1):
        write_adapter(folder / name, seed, base=base)
        path = folder / name / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"kind": "night"}))
    return folder


@pytest.fixture
def home(tmp_path: Path, model: Path, trained: Path) -> Path:
    """A home with v1 and its child v2 in production, and a card without an adapter."""
    card = tmp_path / "card"
    card.mkdir()
    (card / "card.toml").write_bytes((SHIPPED_CARD / "card.toml").read_bytes())
    home = tmp_path / "home"
    shutil.copytree(trained, home / "adapters")
    (home / "yogeiko.toml").write_text(
        f'[chat]\ncard = "{card}"\n[model]\nname = "{model}"\n', encoding="utf-8"
    )
    with _database(home).session() as session:
        for name, parent in (("v1", None), ("v2", "v1")):
            record = read_record(home / "adapters" / name, now=utc_now(), parent_id=parent)
            ensure_adapter(session, record)
            deploy(session, name, who="night", why=f"gates passed for {name}", now=utc_now())
    return home


def _database(home: Path) -> Database:
    return open_database(f"sqlite:///{home / 'yogeiko.db'}")


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("YOGEIKO_HOME", str(home))

    def call(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["yogeiko", "adapter", *arguments])
        with pytest.raises(SystemExit) as left:
            cli.main()
        shown = capsys.readouterr()
        assert "Traceback" not in shown.err
        return Outcome(code=int(left.value.code or 0), out=shown.out, err=shown.err)

    return call


def _active(run: Run) -> object:
    return json.loads(run("list", "--json").out)["active"]


def test_list_marks_what_is_in_production(run: Run) -> None:
    facts = json.loads(run("list", "--json").out)
    assert facts["active"] == "v2"
    assert [(one["id"], one["parent"]) for one in facts["adapters"]] == [
        ("v1", None),
        ("v2", "v1"),
    ]
    lines = run("list").out.splitlines()
    assert lines[0].startswith("  v1  night, ")
    assert lines[1].startswith("* v2  night, ")


def test_show_tells_manifest_lineage_and_history(run: Run, home: Path) -> None:
    now = utc_now()
    with _database(home).session() as session:
        owner, (turn,) = rehearsal.talk(session, now, ("はい", "ええ。"))
        claim = rehearsal.claim(session, now)
        save_pairs(session, claim, [rehearsal.pair(owner, turn, "a", "b")], now=now)
        link_pairs(session, "v2", [one.id for one in list_pairs(session, claim.date)])
    facts = json.loads(run("show", "v2", "--json").out)
    assert (facts["active"], facts["ancestors"], facts["children"]) == (True, ["v1"], [])
    assert (facts["pairs"], facts["visitors"]) == (1, 1)
    assert facts["manifest"]["sha256"] == facts["sha256"]
    assert [one["why"] for one in facts["deployments"]] == ["gates passed for v2"]
    text = run("show", "v2").out
    assert "v2 (in production)" in text
    assert "family    v2 < v1" in text
    assert "learnt    1 pairs of 1 visitors" in text
    assert json.loads(run("show", "v1", "--json").out)["children"] == ["v2"]


def test_rollback_and_activate(run: Run) -> None:
    assert run("rollback", "--why", "worse").out.startswith("v1 is in production")
    assert _active(run) == "v1"
    outcome = run("rollback")
    assert (outcome.code, outcome.err.count("\n")) == (1, 1)
    assert "yogeiko adapter activate ID" in outcome.err
    assert json.loads(run("activate", "v2", "--json").out)["active"] == "v2"
    assert json.loads(run("rollback", "--to", "v1", "--json").out)["active"] == "v1"
    whys = [one["why"] for one in json.loads(run("show", "v1", "--json").out)["deployments"]]
    assert whys == ["rollback by hand", "worse", "gates passed for v1"]


def _flip(folder: Path) -> None:
    raw = bytearray((folder / "adapter_model.safetensors").read_bytes())
    raw[-1] ^= 1
    (folder / "adapter_model.safetensors").write_bytes(raw)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (_flip, "was altered"),
        (lambda f: (f / "training_args.bin").write_bytes(b"x"), "could hold pickled code"),
        (shutil.rmtree, "is not an adapter folder"),
    ],
)
def test_a_harmed_adapter_is_refused_with_one_sentence(
    run: Run, home: Path, harm: Callable[[Path], object], words: str
) -> None:
    assert run("verify").out == "ok   v1\nok   v2\n"
    harm(home / "adapters" / "v1")
    outcome = run("verify")
    assert outcome.code == 1
    assert outcome.out.startswith("FAIL v1: ")
    assert words in outcome.out
    assert outcome.out.endswith("ok   v2\n")
    rows = json.loads(run("verify", "v1", "--json").out)["adapters"]
    assert [(one["id"], one["ok"]) for one in rows] == [("v1", False)]
    assert run("verify", "v2").code == 0
    for arguments in (("activate", "v1"), ("rollback",), ("rollback", "--to", "v1")):
        outcome = run(*arguments)
        assert (outcome.code, outcome.out, outcome.err.count("\n")) == (1, "", 1)
        assert words in outcome.err
    assert _active(run) == "v2"


def test_a_tainted_adapter_is_told_and_refused(run: Run, home: Path) -> None:
    with _database(home).session() as session:
        taint(session, ["v2"], "a visitor it learnt from was erased", utc_now())
    assert _active(run) == "v1"
    assert "TAINTED: a visitor it learnt from was erased" in run("list").out
    outcome = run("activate", "v2")
    assert (outcome.code, outcome.err.count("\n")) == (1, 1)
    assert "may not be served" in outcome.err


@pytest.mark.parametrize("arguments", [("show", "v9"), ("activate", "v9"), ("verify", "v9")])
def test_an_unknown_adapter_names_the_next_command(run: Run, arguments: tuple[str, ...]) -> None:
    outcome = run(*arguments)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == "error: no adapter has the id v9; see yogeiko adapter list\n"


def test_without_the_base_model_nothing_can_be_compared(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YOGEIKO_MODEL_NAME", "embedded:gemma-3-270m")
    outcome = run("verify")
    assert (outcome.code, outcome.err.count("\n")) == (1, 1)
    assert "run `yogeiko model prepare`" in outcome.err
