"""Consent decides what may be learnt from."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from store.conversations import mark_deleted
from store.database import Database
from store.learning import list_learnable
from store.records import ReplyEnd, SafetyCatch, Turn
from store.replies import finish_reply
from store.turns import append_variant, set_learn, supersede_from
from store.visitors import Owner, set_consent
from tests.store.talk import NEW_REPLY, begin, exchange

RETENTION = timedelta(days=90)
Change = Callable[[Session, Owner, Turn, datetime], object]


def _texts(session: Session, at: datetime) -> list[str]:
    return [one.user_text for one in list_learnable(session, now=at, retention=RETENTION)]


def test_nothing_is_learnt_before_a_choice_and_after_a_no(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        exchange(session, owner, conversation, ("選ぶ前", "答え"), now)
        assert _texts(session, now) == []
        yes = now + timedelta(minutes=1)
        set_consent(session, owner, allow=True, now=yes)
        exchange(session, owner, conversation, ("選んだ後", "答え"), yes)
        assert _texts(session, yes) == ["選んだ後"]
        set_consent(session, owner, allow=False, now=yes)
        assert _texts(session, yes) == []
        set_consent(session, owner, allow=True, now=yes + timedelta(minutes=1))
        assert _texts(session, yes + timedelta(minutes=2)) == []


def _catch(session: Session, owner: Owner, turn: Turn, now: datetime) -> None:
    variant = append_variant(session, turn.id, NEW_REPLY, now=now).replies[1]
    caught = SafetyCatch(source="reply", category="sexual", reason="r", text="x")
    finish_reply(session, variant.id, ReplyEnd(status="done", text="y", caught=caught), now=now)


@pytest.mark.parametrize(
    "change",
    [
        lambda session, owner, turn, now: set_learn(session, owner, turn.id, learn=False),
        lambda session, owner, turn, now: supersede_from(session, turn.id, now=now),
        lambda session, owner, turn, now: mark_deleted(
            session, owner, turn.conversation_id, now=now
        ),
        lambda session, owner, turn, now: append_variant(session, turn.id, NEW_REPLY, now=now),
        _catch,
    ],
    ids=["do not learn", "edited away", "deleted", "unfinished", "caught by the filter"],
)
def test_exceptions_are_left_out(database: Database, now: datetime, change: Change) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        set_consent(session, owner, allow=True, now=now)
        turn = exchange(session, owner, conversation, ("学んでよい", "答え"), now)
        assert _texts(session, now) == ["学んでよい"]
        change(session, owner, turn, now)
        assert _texts(session, now) == []


def test_old_turns_fall_out_of_retention(database: Database, now: datetime) -> None:
    with database.session() as session:
        owner, conversation = begin(session, now=now)
        set_consent(session, owner, allow=True, now=now)
        exchange(session, owner, conversation, ("昔", "答え"), now)
        assert _texts(session, now + timedelta(days=89)) == ["昔"]
        assert _texts(session, now + timedelta(days=90)) == []
