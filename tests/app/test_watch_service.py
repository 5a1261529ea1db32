"""A sabotaged adapter is published into the running server, and taken back without a restart."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update

from app.brain_slot import BrainSlot
from app.chat_service import ChatService
from app.clock import utc_now
from app.night_service import NightService
from app.server import create_app
from app.settings import load_settings
from app.watch_service import WatchParts, WatchService
from persona.errors import AdapterError
from rlaif.watch_sample import SampleSettings, choose_sample
from scheduler.errand import ErrandSettings
from store.adapters import active_adapter, deploy, ensure_adapter, list_deployments
from store.database import Database, open_database
from store.night_tables import ScoreRow
from store.records import Adapter, NewReply, ReplyEnd
from store.replies import finish_reply
from store.tables import ConversationRow, ReplyRow, TurnRow
from store.turns import append_turn
from store.visitors import set_consent
from tests.app.house import ORIGIN, ROOMY, House, exchange, follow, start_conversation, wait_until
from tests.app.scripted_scoring import BAD, EVALUATOR
from tests.fakes import FakeEngine, make_brain, make_speaker
from tests.store import rehearsal

FINE = "よいお天気ですわね。"
SABOTAGED = f"{BAD}、{BAD}ですわ。"


class VoicedEngine(FakeEngine):
    """What it says depends on the adapter, as with a real one."""

    def _draw(self, request: object) -> str:
        return SABOTAGED if getattr(request, "adapter", None) == "v2" else FINE


class Site:
    """A running server with its watch, whose clock a test may set forward."""

    def __init__(self, house: House, night: NightService, watch: WatchService) -> None:
        self.house = house
        self.night = night
        self.watch = watch

    @property
    def database(self) -> Database:
        return self.house.database

    def active(self) -> str | None:
        with self.database.reading() as session:
            return active_adapter(session)

    def tick(self) -> None:
        """A minute of the server has passed."""
        self.night.clock.tick()


@contextmanager
def _site(home: Path, check: object = None, later: timedelta = timedelta(0)) -> Iterator[Site]:
    # A missed night would begin with the first minute, and nothing is scored beside one.
    settings = load_settings(home, {**ROOMY, "night": {"enabled": False}})
    database = open_database(settings.database_url)
    engine = VoicedEngine()
    chat = ChatService(
        database=database,
        speaker=make_speaker(),
        brain=BrainSlot(lambda: make_brain(engine)),
        settings=settings,
    )
    parts = WatchParts(
        evaluator=lambda: EVALUATOR,
        check=check or (lambda adapter: None),  # type: ignore[arg-type]
        scoring=ErrandSettings(
            command=[sys.executable, "-m", "tests.app.scripted_scoring", str(home)],
            log=home / "watch.log",
        ),
    )
    watch = WatchService(database, parts, lambda: utc_now() + later)
    night = NightService(settings, database, chores=(watch.look,), closing=(watch.close,))
    app = create_app(settings, chat, night)
    with TestClient(app, base_url=ORIGIN):
        _register(database)
        yield Site(House(app=app, chat=chat, settings=settings, database=database), night, watch)
    database.close()


def _register(database: Database) -> None:
    """v1 has been in production for a day."""
    yesterday = utc_now() - timedelta(days=1)
    with database.session() as session:
        for name in ("v0", "v1", "v2"):
            adapter = Adapter(
                id=name, parent_id=None, kind="night", base="0" * 64, sha256=name,
                folder=f"/{name}", manifest={}, created_at=yesterday,
            )  # fmt: skip
            ensure_adapter(session, adapter)
        deploy(session, "v0", who="night", why="first", now=yesterday - timedelta(days=1))
        deploy(session, "v1", who="night", why="passed", now=yesterday)


def _talked_to_v1(
    database: Database, turns: int, *, people: int = 12, consent: bool = True
) -> None:
    """What visitors said to v1 during the last day; hardly anybody wanted another reply."""
    start = utc_now() - timedelta(hours=20)
    each = turns // people
    with database.session() as session:
        for person in range(people):
            owner, conversation = rehearsal.begin(session, now=start)
            set_consent(session, owner, allow=consent, now=start)
            row = session.get_one(ConversationRow, conversation)
            for number in range(each):
                _answered(session, row, f"{person} {number}", start + timedelta(minutes=number + 1))


def _answered(session: object, row: ConversationRow, text: str, at: datetime) -> str:
    reply = NewReply(origin="live", adapter="v1", seed=1, sampling={})
    turn = append_turn(session, row, text, reply, now=at)  # type: ignore[arg-type]
    end = ReplyEnd(status="done", text=FINE)
    finish_reply(session, turn.replies[0].id, end, now=at)  # type: ignore[arg-type]
    return turn.replies[0].id


def _publish_v2(database: Database) -> None:
    with database.session() as session:
        deploy(session, "v2", who="night", why="passed", now=utc_now())


def _adapter_of(turn: dict) -> str | None:
    return turn["replies"][turn["shown"]]["adapter"]


def _visitors(site: Site, count: int) -> list[tuple[TestClient, str]]:
    found = []
    for _ in range(count):
        client = site.house.client()
        assert client.put("/api/consent", json={"allow": True}).status_code == 200
        found.append((client, start_conversation(client)))
    return found


@pytest.mark.parametrize("protest", ["regenerate", "thumb"])
def test_a_sabotaged_adapter_is_taken_back_while_visitors_protest(
    tmp_path: Path, protest: str
) -> None:
    with _site(tmp_path / "home") as site:
        _talked_to_v1(site.database, 240)
        _publish_v2(site.database)
        visitors = _visitors(site, 6)
        said = 0
        while site.active() == "v2":
            assert said < 60, "the watch did not see what everybody sees"
            for client, conversation in visitors:
                turn = exchange(client, conversation, f"話 {said}")
                said += 1
                if _adapter_of(turn) != "v2":
                    continue
                if protest == "regenerate":
                    again = client.post(f"/api/turns/{turn['id']}/regenerate").json()["turn"]
                    follow(client, again["replies"][-1]["id"])
                else:
                    shown = turn["replies"][turn["shown"]]["id"]
                    body = {"thumb": "down"}
                    assert client.put(f"/api/replies/{shown}/feedback", json=body).is_success
            site.tick()
        assert site.active() == "v1"
        with site.database.reading() as session:
            newest = list_deployments(session)[0]
        assert (newest.who, newest.adapter) == ("watch", "v1")
        # Pinned to v2 a moment ago, and far from idle: it speaks no more.
        assert {_adapter_of(exchange(client, talk, "それで？")) for client, talk in visitors} == {
            "v1"
        }
        assert (
            _adapter_of(exchange(visitors[0][0], start_conversation(visitors[0][0]), "は")) == "v1"
        )
        site.tick()
        assert site.active() == "v1", "and it is not taken for a new version to be watched"


def test_bad_sampled_scores_alone_take_it_back(tmp_path: Path) -> None:
    with _site(tmp_path / "home") as site:
        _talked_to_v1(site.database, 48)
        _publish_v2(site.database)
        visitors = _visitors(site, 6)
        for number in range(12):
            for client, conversation in visitors:
                assert _adapter_of(exchange(client, conversation, f"話 {number}")) == "v2"
        site.tick()
        assert site.active() == "v2", "nobody complained, and nobody has scored anything"
        wait_until(lambda: _scores(site.database, "v2") >= 60, seconds=60)
        site.tick()
        assert site.active() == "v1"
        with site.database.reading() as session:
            assert "reward 0.2" in list_deployments(session)[0].why
        assert _scores(site.database, "v1") == 48


def _scores(database: Database, adapter: str) -> int:
    wanted = (
        select(func.count())
        .select_from(ScoreRow)
        .join(ReplyRow, ScoreRow.reply_id == ReplyRow.id)
        .where(ReplyRow.adapter_id == adapter, ScoreRow.evaluator == EVALUATOR)
    )
    with database.reading() as session:
        return session.scalar(wanted) or 0


def test_only_a_sound_adapter_is_gone_back_to(tmp_path: Path) -> None:
    asked: list[str] = []

    def check(adapter: Adapter) -> None:
        asked.append(adapter.id)
        if adapter.id == "v1":
            raise AdapterError("v1 is damaged")

    with _site(tmp_path / "home", check) as site:
        _talked_to_v1(site.database, 240)
        _publish_v2(site.database)
        for client, conversation in _visitors(site, 6):
            for number in range(10):
                turn = exchange(client, conversation, f"話 {number}")
                client.post(f"/api/turns/{turn['id']}/regenerate")
                reply = client.get(f"/api/conversations/{conversation}").json()["turns"][-1]
                follow(client, reply["replies"][-1]["id"])
        site.tick()
        assert site.active() == "v0"
    assert asked == ["v1", "v0"]


def test_a_conversation_pinned_at_the_last_moment_is_moved_too(tmp_path: Path) -> None:
    with _site(tmp_path / "home") as site:
        _publish_v2(site.database)
        ((client, conversation),) = _visitors(site, 1)
        exchange(client, conversation, "はい")
        with site.database.session() as session:
            deploy(session, "v1", who="watch", why="worse", now=utc_now())
        site.tick()
        assert _adapter_of(exchange(client, conversation, "それで？")) == "v1"


def _sample(database: Database) -> list[str]:
    with database.reading() as session:
        return [
            one.reply_id for one in choose_sample(session, EVALUATOR, SampleSettings(), _soon())
        ]


def _soon() -> datetime:
    """When everything said until now is settled."""
    return utc_now() + timedelta(minutes=11)


def test_a_look_is_small_and_shared_between_the_two(tmp_path: Path) -> None:
    with _site(tmp_path / "home") as site:
        _talked_to_v1(site.database, 36)
        assert _sample(site.database) == [], "v1 is old"
        _publish_v2(site.database)
        assert len(_sample(site.database)) == 8, "until v2 has spoken, all for the comparison"
        ((client, conversation),) = _visitors(site, 1)
        spoken = [exchange(client, conversation, f"話 {n}")["replies"][0]["id"] for n in range(9)]
        chosen = _sample(site.database)
        assert len(chosen) == 8
        assert [one for one in chosen if one in spoken] == spoken[:4], "in the order they were made"


@pytest.mark.parametrize(
    "case", ["no consent", "withdrawn", "do not learn", "deleted", "edited", "flagged", "unsettled"]
)
def test_what_may_not_be_learnt_from_is_not_scored(tmp_path: Path, case: str) -> None:
    with _site(tmp_path / "home") as site:
        _publish_v2(site.database)
        client = site.house.client()
        conversation = start_conversation(client)
        client.put("/api/consent", json={"allow": case != "no consent"})
        turn = exchange(client, conversation, "NGWORD" if case == "flagged" else "はい")
        if case == "withdrawn":
            client.put("/api/consent", json={"allow": False})
        elif case == "do not learn":
            client.put(f"/api/turns/{turn['id']}/learn", json={"learn": False})
        elif case == "deleted":
            client.delete(f"/api/conversations/{conversation}")
        elif case == "edited":
            with site.database.session() as session:
                session.execute(update(TurnRow).values(superseded_at=utc_now()))
        if case == "unsettled":
            assert len(_sample(site.database)) == 1
            with site.database.reading() as session:
                assert choose_sample(session, EVALUATOR, SampleSettings(), utc_now()) == []
        else:
            assert _sample(site.database) == []


def test_nothing_is_scored_beside_a_night(tmp_path: Path) -> None:
    with _site(tmp_path / "home") as site:
        _talked_to_v1(site.database, 24)
        _publish_v2(site.database)
        assert _sample(site.database)
        with site.database.session() as session:
            rehearsal.claim(session, utc_now())
        assert _sample(site.database) == []
