"""The watch over a store: what counts, when it goes back, and when it keeps still."""

import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from rlaif.watch_active import WatchActiveSettings, watch_active
from store.adapters import active_adapter, deploy, ensure_adapter, list_deployments
from store.conversations import create_conversation, get_conversation_row
from store.database import Database, open_database
from store.lineage import taint
from store.outcomes import OutcomeQuery, list_outcomes
from store.records import Adapter, NewReply, ReplyEnd
from store.replies import finish_reply
from store.scores import append_score
from store.tables import AuditRow
from store.turns import append_turn, append_variant, set_feedback
from store.visitors import Owner, ensure_visitor, new_id
from tests.conftest import NOW
from tests.store import rehearsal

SETTINGS = WatchActiveSettings()
SWAP = NOW + timedelta(days=1)
LATER = SWAP + timedelta(hours=6)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(f"sqlite:///{tmp_path / 'yogeiko.db'}")
    with opened.session() as session:
        for name in ("v1", "v2"):
            adapter = Adapter(
                id=name,
                parent_id=None,
                kind="night",
                base="b",
                sha256=name,
                folder=f"/{name}",
                manifest={},
                created_at=NOW,
            )
            ensure_adapter(session, adapter)
        deploy(session, "v1", who="night", why="first", now=NOW)
    yield opened
    opened.close()


def chat(database: Database, adapter: str, at: object, *, turns: int, retried: int) -> list[str]:
    """Twelve visitors talk to an adapter; return the ids of the first replies."""
    made: list[str] = []
    unlucky = set(random.Random(7).sample(range(turns), retried))
    with database.session() as session:
        owners = [Owner(visitor_id=new_id()) for _ in range(12)]
        talks = []
        for owner in owners:
            ensure_visitor(session, owner.visitor_id, now=NOW)
            talks.append(create_conversation(session, owner, persona="ayane", now=NOW).id)
        for number in range(turns):
            moment = at + timedelta(seconds=number)  # type: ignore[operator]
            who = number % len(owners)
            row = get_conversation_row(session, owners[who], talks[who], lock=True)
            reply = NewReply(origin="live", adapter=adapter, seed=1, sampling={})
            turn = append_turn(session, row, f"話 {number}", reply, now=moment)
            made.append(turn.replies[0].id)
            finish_reply(session, made[-1], ReplyEnd(status="done", text="ええ"), now=moment)
            if number in unlucky:
                again = NewReply(origin="regenerated", adapter=adapter, seed=2, sampling={})
                shown = append_variant(session, turn.id, again, now=moment)
                end = ReplyEnd(status="done", text="あら")
                finish_reply(session, shown.replies[1].id, end, now=moment)
    return made


def swap(database: Database, adapter: str = "v2") -> None:
    with database.session() as session:
        deploy(session, adapter, who="night", why="passed", now=SWAP)


def test_a_bad_adapter_is_taken_back_with_a_reason_and_only_once(database: Database) -> None:
    chat(database, "v1", NOW, turns=300, retried=30)
    swap(database)
    chat(database, "v2", SWAP + timedelta(minutes=1), turns=120, retried=60)
    verdict = watch_active(database, SETTINGS, LATER)
    assert verdict is not None
    assert verdict.revert
    assert (verdict.adapter, verdict.previous) == ("v2", "v1")
    with database.reading() as session:
        assert active_adapter(session) == "v1"
        newest = list_deployments(session)[0]
        rows = session.scalars(select(AuditRow).where(AuditRow.actor == "watch"))
        audits = [(row.action, row.detail) for row in rows]
    assert newest.who == "watch"
    assert "retry 0.500 of 120 replies, 0.100 of 300 before" in newest.why
    assert [action for action, _ in audits] == ["adapter.rollback", "adapter.watch"]
    assert audits[1][1]["signals"]["retry"]["after"] == 120  # type: ignore[index]
    assert watch_active(database, SETTINGS, LATER) is None


def test_a_good_adapter_stays(database: Database) -> None:
    chat(database, "v1", NOW, turns=300, retried=30)
    swap(database)
    chat(database, "v2", SWAP + timedelta(minutes=1), turns=120, retried=12)
    verdict = watch_active(database, SETTINGS, LATER)
    assert verdict is not None
    assert not verdict.revert
    with database.reading() as session:
        assert active_adapter(session) == "v2"


def test_lower_scores_of_a_sample_are_enough(database: Database) -> None:
    before = chat(database, "v1", NOW, turns=100, retried=0)
    swap(database)
    after = chat(database, "v2", SWAP + timedelta(minutes=1), turns=100, retried=0)
    with database.session() as session:
        for number, reply in enumerate(before):
            append_score(session, rehearsal.verdict(reply, 6.0 + number % 3), now=NOW)
        for number, reply in enumerate(after):
            append_score(session, rehearsal.verdict(reply, 3.0 + number % 3), now=SWAP)
    verdict = watch_active(database, SETTINGS, LATER)
    assert verdict is not None
    assert [one.signal for one in verdict.evidence if one.alarms] == ["reward"]
    assert verdict.revert


@pytest.mark.parametrize("case", ["no swap", "too late", "came back", "tainted"])
def test_what_is_not_watched(database: Database, case: str) -> None:
    chat(database, "v1", NOW, turns=100, retried=5)
    now = LATER
    if case != "no swap":
        swap(database)
        chat(database, "v2", SWAP + timedelta(minutes=1), turns=120, retried=90)
    if case == "too late":
        now = SWAP + timedelta(hours=24)
    if case == "came back":
        with database.session() as session:
            deploy(session, "v1", who="operator", why="x", now=SWAP)
            deploy(session, "v2", who="operator", why="I like it", now=SWAP)
    if case == "tainted":
        with database.session() as session:
            taint(session, ["v2"], "erased", SWAP)
    assert watch_active(database, SETTINGS, now) is None


def test_outcomes_wait_until_they_are_settled_whatever_they_are(database: Database) -> None:
    first, second = (NOW + timedelta(minutes=one) for one in (1, 2))
    owner = Owner(visitor_id=new_id())
    with database.session() as session:
        ensure_visitor(session, owner.visitor_id, now=NOW)
        talk = create_conversation(session, owner, persona="ayane", now=NOW).id
        made = []
        for moment in (first, second):
            row = get_conversation_row(session, owner, talk, lock=True)
            reply = NewReply(origin="live", adapter="v1", seed=1, sampling={})
            turn = append_turn(session, row, "話", reply, now=moment)
            end = ReplyEnd(status="done", text="ええ")
            finish_reply(session, turn.replies[0].id, end, now=moment)
            made.append(turn.replies[0].id)
        set_feedback(session, owner, made[0], "down", None, now=second)
        again = NewReply(origin="regenerated", adapter="v1", seed=2, sampling={})
        append_variant(session, turn.id, again, now=second)

    def seen(now: object) -> list[tuple[str, bool, str | None]]:
        query = OutcomeQuery(
            adapter="v1",
            since=NOW,
            until=NOW + timedelta(hours=1),
            now=now,  # type: ignore[arg-type]
            settle=timedelta(minutes=10),
        )
        with database.reading() as session:
            found = list_outcomes(session, query)
        return [(one.reply_id, one.regenerated, one.thumb) for one in found]

    went_on = (made[0], False, "down")
    assert seen(second + timedelta(minutes=1)) == [went_on]
    # The variant asked for is still being made: no reply of hers yet.
    assert seen(second + timedelta(minutes=10)) == [went_on, (made[1], True, None)]
