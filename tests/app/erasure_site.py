"""A server on which a night learnt from two visitors, for tests of erasure."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi.testclient import TestClient

from app.brain_slot import BrainSlot
from app.chat_service import ChatService
from app.clock import utc_now
from app.night_service import NightService
from app.server import create_app
from app.settings import load_settings
from persona.adapter_folder import MANIFEST, WEIGHTS
from rlaif.measurement_cache import MeasurementCache
from store.adapters import deploy, ensure_adapter
from store.conversations import list_conversations
from store.database import Database, open_database
from store.lineage import link_pairs
from store.nights import begin_step, finish_night, finish_step
from store.pair_verdicts import decide_pair
from store.pairs import list_pairs, save_pairs
from store.records import Adapter
from store.turns import list_turns
from store.visitors import Owner, list_visitors
from tests.app.house import (
    ORIGIN,
    ROOMY,
    House,
    exchange,
    start_conversation,
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
def erasure_site(home: Path) -> Iterator[Site]:
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
    leave_adapter(house, CLEAN, kind="sft", pair_ids=[])
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
    leave_adapter(house, TAINTED, kind="night", pair_ids=pairs)
    leave_adapter(house, REFUSED, kind="night", pair_ids=pairs, registered=False)
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
        leave_working_files(house.settings.nights_folder / date)
    for name in (TAINTED, REFUSED, CLEAN):
        cache = MeasurementCache(house.settings.measurements_folder, name, "probes")
        cache.add_replies({"k": KEPT if name == CLEAN else SECRET})
    (house.settings.measurements_folder / f"{'ab' * 16}.json").write_text(SECRET)
    own = house.settings.exports_folder / "pairs.jsonl"
    own.parent.mkdir(parents=True)
    own.write_text(f'{{"visitor": "{owners[0].visitor_id}", "text": "{SECRET}"}}\n')
    return pairs


def leave_working_files(night: Path) -> None:
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


def leave_adapter(
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


class Killed(BaseException):
    """The process ends here."""
