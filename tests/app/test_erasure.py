"""Erasing somebody through the running server: nothing of theirs is left, and she speaks on."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from app.brain_slot import BrainSlot
from app.chat_service import ChatService
from app.clock import utc_now
from app.night_service import NightService
from app.server import create_app
from app.settings import load_settings
from persona.adapter_folder import MANIFEST, WEIGHTS
from rlaif import traces
from rlaif.measurement_cache import MeasurementCache
from store.adapters import active_adapter, deploy, ensure_adapter, list_deployments, load_adapter
from store.conversations import list_conversations
from store.database import Database, open_database
from store.erase import erase_visitor
from store.erasures import list_unscrubbed, load_leftovers
from store.lineage import link_pairs
from store.night_tables import PairRow
from store.nights import begin_step, finish_night, finish_step
from store.pairs import decide_pair, list_pairs, save_pairs
from store.records import Adapter
from store.tables import AuditRow, ErasureRow, PendingErasureRow
from store.turns import list_turns
from store.visitors import Owner, hash_of, list_visitors
from tests.app.house import (
    ORIGIN,
    ROOMY,
    House,
    exchange,
    follow,
    say,
    start_conversation,
    wait_until,
)
from tests.conftest import NOW
from tests.fakes import FakeEngine, make_brain, make_speaker
from tests.store import rehearsal

SECRET = "カナリア-9481-まるひ"
KEPT = "のこす-5512-ことば"
TRACES = (SECRET.encode(), json.dumps(SECRET).strip('"').encode(), b"-9481-")
CLEAN, TAINTED, REFUSED = "ayane-sft-1", "ayane-night-2", "ayane-night-3"


@dataclass
class Site:
    """A running server in which a night learnt from two visitors."""

    house: House
    night: NightService
    engine: FakeEngine
    gone: TestClient
    kept: TestClient
    pinned: str
    ids: list[bytes]

    @property
    def home(self) -> Path:
        return self.house.settings.home

    @property
    def database(self) -> Database:
        return self.house.database

    def leftovers(self) -> list[str]:
        """Files under home that hold a word or an id of whoever was erased."""
        return [
            str(path.relative_to(self.home))
            for path in sorted(self.home.rglob("*"))
            if path.is_file() and any(one in path.read_bytes() for one in (*TRACES, *self.ids))
        ]


@contextmanager
def _site(home: Path) -> Iterator[Site]:
    settings = load_settings(home, ROOMY)
    database = open_database(settings.database_url)
    engine = FakeEngine(lines=("ごきげんよう。",))
    chat = ChatService(
        database=database,
        speaker=make_speaker(),
        brain=BrainSlot(lambda: make_brain(engine)),
        settings=settings,
    )
    night = NightService(settings, database)
    # The minutes of this server pass when the test says so.
    night.clock.start = night.clock.stop = lambda: None  # type: ignore[method-assign]
    app = create_app(settings, chat, night)
    with TestClient(app, base_url=ORIGIN):
        house = House(app=app, chat=chat, settings=settings, database=database)
        yield _lived_in(house, night, engine)
    database.close()


def _lived_in(house: House, night: NightService, engine: FakeEngine) -> Site:
    """Two visitors talk, a night learns from both, and one goes on talking to its adapter."""
    gone, kept = house.client(), house.client()
    _adapter(house, CLEAN, kind="sft", pair_ids=[])
    with house.database.session() as session:
        deploy(session, CLEAN, who="test", why="first", now=utc_now())
    for client, word in ((gone, SECRET), (kept, KEPT)):
        client.put("/api/consent", json={"allow": True})
        exchange(client, start_conversation(client), f"{word} と申します")
    with house.database.reading() as session:
        owners = [Owner(visitor_id=one.id) for one in list_visitors(session)]
    pairs = _rehearse(house, owners)
    pinned = start_conversation(kept)
    assert exchange(kept, pinned, "はい")["replies"][0]["adapter"] == TAINTED
    ids = [one.encode() for one in (owners[0].visitor_id, pairs[0])]
    return Site(house, night, engine, gone, kept, pinned, ids)


def _rehearse(house: House, owners: list[Owner]) -> list[str]:
    """What a night leaves in the database and on disk; return its pairs."""
    now = utc_now()
    with house.database.session() as session:
        claim = rehearsal.claim(session, now, date="2026-09-25")
        proposed = []
        for number, owner in enumerate(owners):
            conversation = list_conversations(session, owner)[0].id
            (turn,) = list_turns(session, owner, conversation)
            proposed.append(rehearsal.pair(owner, turn, turn.replies[0].id, f"{number:032x}"))
        save_pairs(session, claim, proposed, now=now)
        stored = {one.visitor_id: one.id for one in list_pairs(session, claim.date)}
        pairs = [stored[owner.visitor_id] for owner in owners]
        decide_pair(session, pairs[0], "approved", "op", now)
    _adapter(house, TAINTED, kind="night", pair_ids=pairs)
    _adapter(house, REFUSED, kind="night", pair_ids=pairs, registered=False)
    with house.database.session() as session:
        link_pairs(session, TAINTED, pairs)
        deploy(session, TAINTED, who="night", why="passed", now=now)
        begin_step(session, claim, "train", 7, now)
        finish_step(session, claim, "train", {"adapter": TAINTED, "active": CLEAN}, now)
        finish_night(session, claim, status="published", decision="", adapter_id=TAINTED, now=now)
        other = rehearsal.claim(session, now, date="2026-09-26")
        begin_step(session, other, "train", 7, now)
        finish_step(session, other, "train", {"adapter": REFUSED, "active": CLEAN}, now)
        finish_night(session, other, status="refused", decision="", adapter_id=None, now=now)
    for date in ("2026-09-25", "2026-09-26"):
        _working_files(house.settings.nights_folder / date)
    for name in (TAINTED, REFUSED, CLEAN):
        cache = MeasurementCache(house.settings.measurements_folder, name, "probes")
        cache.add_replies({"k": KEPT if name == CLEAN else SECRET})
    (house.settings.measurements_folder / f"{'ab' * 16}.json").write_text(SECRET)
    own = house.settings.exports_folder / "pairs.jsonl"
    own.parent.mkdir(parents=True)
    own.write_text(f'{{"visitor": "{owners[0].visitor_id}", "text": "{SECRET}"}}\n')
    return pairs


def _working_files(night: Path) -> None:
    files = {
        "training/abc/checkpoint-8/adapter_model.safetensors": SECRET,
        "training/abc/checkpoint-8/trainer_state.json": SECRET,
        "training/abc/steps.jsonl": '{"loss": 1}\n',
        "training/child/job.json": SECRET,
        "training/child.log": SECRET,
        "examples.json": SECRET,
        "report.json": SECRET,
        "report.md": SECRET,
        "report.html": SECRET,
        "night.log": "== starts\n",
    }
    for name, content in files.items():
        path = night / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def _adapter(
    house: House, name: str, *, kind: str, pair_ids: list[str], registered: bool = True
) -> None:
    folder = house.settings.adapters_folder / name
    folder.mkdir(parents=True)
    manifest: dict[str, object] = {"id": name, "kind": kind, "pair_ids": pair_ids, "steps": 3}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    (folder / WEIGHTS).write_text(KEPT if kind == "sft" else SECRET)
    if not registered:
        return
    record = Adapter(
        id=name, parent_id=None, kind=kind, base="0" * 64, sha256=name, folder=str(folder),
        manifest=manifest, created_at=NOW,
    )  # fmt: skip
    with house.database.session() as session:
        ensure_adapter(session, record)


def _adapter_of(turn: dict) -> str | None:
    return turn["replies"][turn["shown"]]["adapter"]


def _assert_erased(site: Site) -> None:
    assert site.leftovers() == []
    adapters = {path.name for path in site.house.settings.adapters_folder.iterdir()}
    assert adapters == {CLEAN}
    with site.database.reading() as session:
        kept = load_adapter(session, TAINTED)
        assert (kept.manifest["pair_ids"], kept.manifest["steps"]) == ([], 3)
        assert kept.tainted_at is not None
        tombstone = session.scalars(select(ErasureRow)).one()
        assert tombstone.scrubbed_at is not None
        assert tombstone.finished_at is not None
        assert session.scalars(select(PendingErasureRow)).all() == []
        deed = session.scalars(select(AuditRow).where(AuditRow.action == "pair.decide")).one()
        assert deed.detail == {"pair": "erased", "status": "approved"}
        assert len(session.scalars(select(PairRow)).all()) == 1
    nights = site.house.settings.nights_folder
    for date in ("2026-09-25", "2026-09-26"):
        left = {
            str(one.relative_to(nights / date))
            for one in (nights / date).rglob("*.*")
            if one.is_file()
        }
        assert left == {"training/abc/steps.jsonl", "night.log"}, "figures are nobody's"
    cache = MeasurementCache(site.house.settings.measurements_folder, CLEAN, "probes")
    assert cache.reply("k") == KEPT, "what it cost to measure others is kept"


def test_no_byte_is_left_under_home_and_she_speaks_on(tmp_path: Path) -> None:
    with _site(tmp_path / "home") as site:
        assert len(site.leftovers()) >= 20, "the search would find something"
        assert site.gone.delete("/api/me").json()["erased"]["turns"] == 1
        _assert_erased(site)
        assert KEPT.encode() in (site.home / "adapters" / CLEAN / WEIGHTS).read_bytes()
        with site.database.reading() as session:
            assert active_adapter(session) == CLEAN
            assert list_deployments(session)[0].adapter == CLEAN
        # The one pinned to the tainted adapter, and far from idle, is not cut off: it moves.
        assert _adapter_of(exchange(site.kept, site.pinned, "それで？")) == CLEAN
        assert _adapter_of(exchange(site.kept, start_conversation(site.kept), "は")) == CLEAN
        assert TAINTED not in [one.adapter for one in site.engine.requests[-2:]]


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize(
    "where",
    [
        "store.erase._erase_exports",
        "store.erase._erase_rows",
        "store.database.Database.scrub",
        "app.erasure.remove_traces",
        "rlaif.traces._remove_reports",
        "rlaif.traces.clear_training",
        "rlaif.traces._remove_adapters",
    ],
)
def test_the_next_minute_finishes_what_a_killed_process_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def die(*_: object, **__: object) -> None:
        raise Killed

    with _site(tmp_path / "home") as site:
        owner = site.ids[0].decode()
        with monkeypatch.context() as dying:
            dying.setattr(where, die)
            with pytest.raises(Killed):
                site.house.chat.erase(Owner(visitor_id=owner))
        assert site.leftovers() != []
        site.night.clock.tick()
        _assert_erased(site)
        assert _adapter_of(exchange(site.kept, site.pinned, "それで？")) == CLEAN


def test_weights_go_once_the_last_reply_with_them_has_ended(tmp_path: Path) -> None:
    with _site(tmp_path / "home") as site:
        site.engine.hold()
        growing = say(site.kept, site.pinned, "長い話をして")["replies"][0]["id"]
        live = site.house.chat.live_reply(growing)
        assert live is not None
        wait_until(lambda: live.state.text != "")
        site.gone.delete("/api/me")
        assert (site.house.settings.adapters_folder / TAINTED / WEIGHTS).exists()
        site.engine.release()
        assert follow(site.kept, growing)[-1][0] == "done"
        site.night.clock.tick()
        _assert_erased(site)


def test_an_erasure_is_not_over_before_the_night_that_may_know_more(tmp_path: Path) -> None:
    with _site(tmp_path / "home") as site:
        with site.database.session() as session:
            claim = rehearsal.claim(session, utc_now(), date="2026-09-27")
        site.gone.delete("/api/me")
        night = site.house.settings.nights_folder / "2026-09-27"
        _working_files(night)
        _adapter(
            site.house,
            "ayane-night-4",
            kind="night",
            pair_ids=[site.ids[1].decode()],
            registered=False,
        )
        site.night.clock.tick()
        assert (night / "training" / "abc" / "checkpoint-8").exists(), (
            "written later: it may be clean"
        )
        assert not (site.house.settings.adapters_folder / "ayane-night-4").exists()
        with site.database.session() as session:
            begin_step(session, claim, "train", 7, utc_now())
            detail: dict[str, object] = {"adapter": "ayane-night-4", "active": TAINTED}
            finish_step(session, claim, "train", detail, utc_now())
            finish_night(
                session, claim, status="refused", decision="", adapter_id=None,
                now=utc_now(),
            )  # fmt: skip
        site.night.clock.tick()
        _assert_erased(site)


def test_who_is_erased_after_the_look_is_looked_for_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _site(tmp_path / "home") as site:
        with site.database.reading() as session:
            first, second = sorted(
                (one.id for one in list_visitors(session)),
                key=lambda one: one.encode() in site.ids,
            )
        remove = traces._remove_adapters

        def erase_meanwhile(adapters: Path, names: frozenset[str]) -> None:
            remove(adapters, names)
            exports = site.house.settings.exports_folder
            erase_visitor(site.database, second, exports=exports, actor="test", now=utc_now())

        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(traces, "_remove_adapters", erase_meanwhile)
            site.house.chat.erase(Owner(visitor_id=first))
        with site.database.reading() as session:
            left = load_leftovers(session, utc_now())
        assert left is not None
        assert left.unfinished == {hash_of(second)}
        site.night.clock.tick()
        with site.database.reading() as session:
            assert load_leftovers(session, utc_now()) is None


def test_bytes_of_who_is_erased_after_the_rewriting_are_scrubbed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _site(tmp_path / "home") as site:
        with site.database.reading() as session:
            first, second = (one.id for one in list_visitors(session))
        rewrite = Database.scrub

        def die(_: Database) -> None:
            raise Killed

        def erase_meanwhile(database: Database) -> None:
            rewrite(database)
            with monkeypatch.context() as dying:
                dying.setattr(Database, "scrub", die)
                with pytest.raises(Killed):
                    site.house.chat.erase(Owner(visitor_id=second))

        with monkeypatch.context() as dying:
            dying.setattr(Database, "scrub", die)
            with pytest.raises(Killed):
                site.house.chat.erase(Owner(visitor_id=first))
        with monkeypatch.context() as meanwhile:
            meanwhile.setattr(Database, "scrub", erase_meanwhile)
            site.night.clock.tick()
        with site.database.reading() as session:
            assert list_unscrubbed(session) == {hash_of(second)}
        site.night.clock.tick()
        with site.database.reading() as session:
            assert list_unscrubbed(session) == frozenset()


def test_nothing_is_looked_for_when_nothing_is_unfinished(tmp_path: Path) -> None:
    with _site(tmp_path / "home") as site:
        site.gone.delete("/api/me")
        late = site.house.settings.nights_folder / "2026-09-25" / "examples.json"
        late.write_text("[]")
        site.night.clock.tick()
        assert late.exists()
