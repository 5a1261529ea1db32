"""Who duels, what a choice changes, and what a duel must not look like to the night and the watch."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.adapters import deploy
from store.console_tables import DuelRow
from store.database import Database
from store.duels import (
    Opponents,
    add_duel,
    count_asked,
    decide_duel,
    duel_opponents,
    list_votes,
    new_duel,
    open_duels,
    settle_duel,
)
from store.erase import erase_visitor
from store.errors import ConflictError, NotFoundError
from store.learning import list_learnable
from store.lineage import taint
from store.outcomes import OutcomeQuery, list_outcomes
from store.records import DuelVerdict, NewReply, ReplyEnd, SafetyCatch, Turn
from store.replies import finish_reply
from store.reply_filter import ReplyFilter
from store.reply_list import find_replies
from store.tables import ReplyRow
from store.turns import append_variant, load_turn
from store.visitors import Owner, new_id, set_consent, set_duel
from store.watch_sample import SampleQuery, list_unscored
from tests.store.rehearsal import adapter
from tests.store.talk import begin, say

WEEK = timedelta(days=7)
PAIR = Opponents(newer="v2", older="v1")


def _production(session: Session, now: datetime, *names: str) -> None:
    """Deploy in this order, a day apart, the last one an hour ago."""
    for at, name in enumerate(names):
        adapter(session, name, now)
        moment = now - timedelta(days=len(names) - 1 - at, hours=1)
        deploy(session, name, who="night", why="passed", now=moment)


def _duel(session: Session, now: datetime, *, newer_left: bool = True) -> tuple[Owner, Turn]:
    """Return a turn with two promised answers of a visitor who lets the night learn."""
    owner, conversation = begin(session, now=now)
    set_consent(session, owner, allow=True, now=now)
    set_duel(session, owner, allow=True, now=now)
    turn = say(session, owner, conversation, "ごきげんよう", now)
    session.get_one(ReplyRow, turn.replies[0].id).adapter_id = "v2"
    second = NewReply(origin="duel", adapter="v1", seed=7, sampling={})
    turn = append_variant(session, turn.id, second, now=now)
    assert turn.shown == 0
    replies = (turn.replies[0].id, turn.replies[1].id)
    duel = new_duel(PAIR, turn.id, replies=replies, newer_left=newer_left, now=now)
    add_duel(session, owner, duel)
    return owner, turn


def _finish(session: Session, turn: Turn, now: datetime, *ends: ReplyEnd) -> None:
    for reply, end in zip(turn.replies, ends, strict=True):
        finish_reply(session, reply.id, end, now=now)
        settle_duel(session, reply.id)


def _done(text: str) -> ReplyEnd:
    return ReplyEnd(status="done", text=text)


def test_the_version_before_is_the_opponent_for_some_days(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        assert duel_opponents(session, within=WEEK, now=now) is None
        _production(session, now, "v1")
        assert duel_opponents(session, within=WEEK, now=now) is None
        adapter(session, "v2", now)
        deploy(session, "v2", who="night", why="passed", now=now)
        assert duel_opponents(session, within=WEEK, now=now) == PAIR
        deploy(session, "v2", who="operator", why="again", now=now + timedelta(days=6))
        late = now + WEEK
        assert duel_opponents(session, within=WEEK, now=late) is None, "deployed again, not new"


@pytest.mark.parametrize("case", ["rolled back", "older tainted", "newer tainted"])
def test_what_was_taken_out_does_not_duel(database: Database, now: datetime, case: str) -> None:
    with database.session() as session:
        _production(session, now, "v1", "v2")
        if case == "rolled back":
            deploy(session, "v1", who="operator", why="worse", now=now)
        else:
            taint(session, ["v1" if case.startswith("older") else "v2"], "erased", now)
        assert duel_opponents(session, within=WEEK, now=now) is None


@pytest.mark.parametrize(
    ("newer_left", "left", "verdict", "shown"),
    [
        (True, True, "newer", 0),
        (True, False, "older", 1),
        (False, True, "older", 1),
        (False, False, "newer", 0),
        (True, None, "tie", 0),
    ],
)
def test_the_chosen_answer_is_shown(
    database: Database,
    now: datetime,
    newer_left: bool,
    left: bool | None,
    verdict: DuelVerdict,
    shown: int,
) -> None:
    with database.session() as session:
        owner, turn = _duel(session, now, newer_left=newer_left)
        with pytest.raises(ConflictError, match="still being made"):
            decide_duel(session, owner, turn.id, left=left, now=now)
        _finish(session, turn, now, _done("新しい"), _done("前の"))
        assert decide_duel(session, owner, turn.id, left=left, now=now) == verdict
        assert load_turn(session, owner, turn.id).shown == shown
        (vote,) = list_votes(session)
        assert (vote.verdict, vote.visitor_id, vote.decided_at) == (verdict, owner.visitor_id, now)
        assert count_asked(session) == {("v2", "v1"): 1}
        with pytest.raises(ConflictError, match="any more"):
            decide_duel(session, owner, turn.id, left=left, now=now)


@pytest.mark.parametrize("case", ["went on", "another answer", "withdrawn", "stranger"])
def test_a_duel_ends_without_a_choice(database: Database, now: datetime, case: str) -> None:
    with database.session() as session:
        owner, turn = _duel(session, now)
        _finish(session, turn, now, _done("新しい"), _done("前の"))
        assert open_duels(session, owner, turn.conversation_id)[turn.id].newer_adapter == "v2"
        if case == "went on":
            say(session, owner, turn.conversation_id, "それから", now)
        elif case == "another answer":
            again = NewReply(origin="regenerated", adapter="v2", seed=1, sampling={})
            append_variant(session, turn.id, again, now=now)
        elif case == "withdrawn":
            set_duel(session, owner, allow=False, now=now)
        else:
            stranger = Owner(visitor_id=new_id())
            with pytest.raises(NotFoundError):
                decide_duel(session, stranger, turn.id, left=True, now=now)
            return
        assert open_duels(session, owner, turn.conversation_id) == {}
        with pytest.raises(ConflictError):
            decide_duel(session, owner, turn.id, left=False, now=now)
        assert load_turn(session, owner, turn.id).replies[0].text == "新しい"
        assert list_votes(session) == []


def _caught(text: str) -> ReplyEnd:
    catch = SafetyCatch(source="reply", category="sexual", reason="r", text=text)
    return ReplyEnd(status="done", text="いけませんわ", caught=catch)


@pytest.mark.parametrize(
    ("newer", "older", "texts"),
    [
        (_done("同じ"), _done("同じ"), ["同じ"]),
        (_done("新しい"), ReplyEnd(status="failed", text="", error="engine"), ["新しい"]),
        (ReplyEnd(status="stopped", text="新"), ReplyEnd(status="stopped", text="前"), ["新"]),
        (_caught("危うい"), _done("前の"), ["いけませんわ"]),
        (_done("新しい"), _caught("危うい"), ["新しい", "いけませんわ"]),
    ],
    ids=["equal", "older failed", "stopped", "newer deflected", "older deflected"],
)
def test_what_compares_nothing_is_called_off(
    database: Database, now: datetime, newer: ReplyEnd, older: ReplyEnd, texts: list[str]
) -> None:
    with database.session() as session:
        owner, turn = _duel(session, now)
        _finish(session, turn, now, newer, older)
        assert session.scalar(select(func.count()).select_from(DuelRow)) == 0
        session.expire_all()
        seen = load_turn(session, owner, turn.id)
        assert [reply.text for reply in seen.replies] == texts
        assert seen.shown == 0


def test_the_older_answer_stands_in_for_one_that_failed(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, turn = _duel(session, now)
        failed = ReplyEnd(status="failed", text="", error="engine")
        _finish(session, turn, now, failed, _done("前の"))
        seen = load_turn(session, owner, turn.id)
        assert seen.replies[seen.shown].text == "前の"


def test_another_adapter_than_promised_calls_it_off(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, turn = _duel(session, now)
        session.get_one(ReplyRow, turn.replies[1].id).adapter_id = "v0"
        _finish(session, turn, now, _done("新しい"), _done("別の"))
        assert count_asked(session) == {}


@pytest.mark.parametrize("left", [True, False, None])
def test_the_night_reads_no_retry_into_a_duel(
    database: Database, now: datetime, left: bool | None
) -> None:
    with database.session() as session:
        owner, turn = _duel(session, now)
        _finish(session, turn, now, _done("新しい"), _done("前の"))
        decide_duel(session, owner, turn.id, left=left, now=now)
        later = now + timedelta(hours=1)
        (one,) = list_learnable(session, now=later, retention=timedelta(days=30))
        assert [set(reply.signals) for reply in one.replies] == [set(), set()]
        assert one.shown.text == ("前の" if left is False else "新しい")
        assert one.evidence_at is None


def test_a_retry_after_a_duel_is_one(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, turn = _duel(session, now)
        _finish(session, turn, now, _done("新しい"), _done("前の"))
        again = NewReply(origin="regenerated", adapter="v2", seed=1, sampling={})
        third = append_variant(session, turn.id, again, now=now).replies[2]
        finish_reply(session, third.id, _done("三つ目"), now=now)
        later = now + timedelta(hours=1)
        (one,) = list_learnable(session, now=later, retention=timedelta(days=30))
        signals = {reply.text: set(reply.signals) for reply in one.replies}
        assert signals == {"新しい": {"regenerated_away"}, "前の": set(), "三つ目": {"kept"}}


def test_the_watch_looks_at_no_duel(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, turn = _duel(session, now)
        _finish(session, turn, now, _done("新しい"), _done("前の"))
        alone = say(session, owner, turn.conversation_id, "それから", now)
        session.get_one(ReplyRow, alone.replies[0].id).adapter_id = "v2"
        finish_reply(session, alone.replies[0].id, _done("はい"), now=now)
        later, none = now + timedelta(hours=1), timedelta(0)
        for version, expected in (("v2", [alone.replies[0].id]), ("v1", [])):
            query = OutcomeQuery(adapter=version, since=None, until=later, now=later, settle=none)
            assert [one.reply_id for one in list_outcomes(session, query)] == expected
            sample = SampleQuery(
                adapter=version,
                since=None,
                until=later,
                now=later,
                settle=none,
                retention=timedelta(days=30),
                evaluator="e",
            )
            assert [one.reply_id for one in list_unscored(session, sample, limit=9)] == expected


def test_duels_go_with_their_visitor(database: Database, now: datetime, tmp_path: Path) -> None:
    with database.session() as session:
        owner, turn = _duel(session, now)
        kept, other = _duel(session, now)
        for one in (turn, other):
            _finish(session, one, now, _done("新しい"), _done("前の"))
        decide_duel(session, owner, turn.id, left=True, now=now)
        decide_duel(session, kept, other.id, left=True, now=now)
    erase_visitor(database, owner.visitor_id, exports=tmp_path, actor="test", now=now)
    with database.reading() as session:
        assert [vote.visitor_id for vote in list_votes(session)] == [kept.visitor_id]


def test_the_list_of_replies_calls_no_duel_a_retry(database: Database, now: datetime) -> None:
    with database.session() as session:
        _, turn = _duel(session, now)
        _finish(session, turn, now, _done("新しい"), _done("前の"))
    with database.reading() as session:
        everything = ReplyFilter(on_screen=False)
        retried = ReplyFilter(regenerated=True, on_screen=False)
        assert find_replies(session, everything).count.value == 2
        assert find_replies(session, retried).count.value == 0
