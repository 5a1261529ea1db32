"""Sums by visitor of an adapter's newest replies."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from store.conversations import mark_deleted
from store.database import Database
from store.records import ReplyEnd, SafetyCatch, Turn
from store.replies import finish_reply
from store.scores import append_score
from store.turns import append_variant, set_feedback
from store.version_sums import ScoreSums, SignalSums, sum_scores, sum_signals
from store.visitors import Owner
from tests.store import rehearsal, talk

FED = "fed-1"


def _talk(session: Session, now: datetime, *values: float) -> tuple[Owner, list[Turn]]:
    """A visitor with one scored reply of adapter v1 per value, on every metric the same."""
    owner, turns = rehearsal.talk(session, now, *(("はい", "ええ。") for _ in values))
    for turn, value in zip(turns, values, strict=True):
        append_score(session, rehearsal.verdict(turn.replies[0].id, value), now=now)
    return owner, turns


def test_scores_are_summed_by_visitor_and_evaluator(database: Database, now: datetime) -> None:
    with database.session() as session:
        _talk(session, now, 4.0, 6.0)
        _, (turn,) = _talk(session, now, 9.0)
        append_score(session, rehearsal.verdict(turn.replies[0].id, 2.0, evaluator=FED), now=now)
    with database.reading() as session:
        found = sum_scores(session, "v1", limit=100)
        assert sum_scores(session, "v2", limit=100) == []
    own = sorted((one.replies, one.values[0]) for one in found if one.evaluator != FED)
    assert own == [(1, 9.0), (2, 10.0)]
    assert [one for one in found if one.evaluator == FED] == [
        ScoreSums(evaluator=FED, replies=1, values=(2.0,) * 12)
    ]


def test_only_the_newest_and_only_what_is_on_screen(database: Database, now: datetime) -> None:
    with database.session() as session:
        _talk(session, now - timedelta(days=1), 1.0)
        _, turns = _talk(session, now, 5.0, 7.0)
        append_variant(session, turns[1].id, talk.NEW_REPLY, now=now)
    with database.reading() as session:
        assert [one.values[0] for one in sum_scores(session, "v1", limit=100)] != []
        totals = sorted(one.values[0] for one in sum_scores(session, "v1", limit=100))
        # The reply worth 7 was asked again: another variant is on screen, without a score yet.
        assert totals == [1.0, 5.0]
        assert [one.values[0] for one in sum_scores(session, "v1", limit=1)] == [5.0]


def test_signals_are_summed_by_visitor(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, turns = rehearsal.talk(session, now, *(("はい", "ええ。") for _ in range(3)))
        set_feedback(session, owner, turns[0].replies[0].id, "up", None, now=now)
        set_feedback(session, owner, turns[1].replies[0].id, "down", None, now=now)
        again = append_variant(session, turns[1].id, talk.NEW_REPLY, now=now)
        end = ReplyEnd(status="done", text="では。")
        finish_reply(session, again.replies[1].id, end, now=now)
        rehearsal.talk(session, now, ("もし", "はい。"))
    with database.reading() as session:
        found = sorted(sum_signals(session, "v1", limit=100), key=lambda one: one.replies)
        assert len(sum_signals(session, "v1", limit=1)) == 1
    assert found == [
        SignalSums(messages=1, retried=0, replies=1, up=0, down=0),
        # Three messages, one of them asked again; four replies in all.
        SignalSums(messages=3, retried=1, replies=4, up=1, down=1),
    ]


@pytest.mark.parametrize("what", ["safety", "deleted"])
def test_what_is_not_the_adapters_or_not_there_is_left_out(
    database: Database, now: datetime, what: str
) -> None:
    with database.session() as session:
        owner, turns = _talk(session, now, 5.0)
        if what == "deleted":
            mark_deleted(session, owner, turns[0].conversation_id, now=now)
        else:
            owner, conversation = talk.begin(session, now=now, owner=owner)
            turn = talk.say(session, owner, conversation, "あの", now)
            caught = SafetyCatch(source="reply", category="violence", reason="", text="x")
            end = replace(talk.DONE, caught=caught)
            finish_reply(session, turn.replies[0].id, end, now=now)
    with database.reading() as session:
        told = 0 if what == "deleted" else 1
        assert len(sum_scores(session, "v1", limit=100)) == told
        assert sum(one.replies for one in sum_signals(session, "v1", limit=100)) == told
