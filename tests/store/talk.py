"""Short ways to fill a store."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from store.conversations import create_conversation, get_conversation_row
from store.records import NewReply, Reply, ReplyEnd, Turn
from store.replies import finish_reply
from store.turns import append_turn, load_turn
from store.visitors import Owner, ensure_visitor, new_id

NEW_REPLY = NewReply(origin="live", adapter="v1", seed=7, sampling={"temperature": 0.7})
DONE = ReplyEnd(status="done", text="ごきげんよう。")


def begin(session: Session, *, now: datetime, owner: Owner | None = None) -> tuple[Owner, str]:
    """Return an owner and a fresh conversation of theirs."""
    owner = owner or Owner(visitor_id=new_id())
    ensure_visitor(session, owner.visitor_id, now=now)
    return owner, create_conversation(session, owner, persona="ayane", now=now).id


def say(session: Session, owner: Owner, conversation_id: str, text: str, now: datetime) -> Turn:
    """Append a turn whose reply is queued."""
    row = get_conversation_row(session, owner, conversation_id, lock=True)
    return append_turn(session, row, text, NEW_REPLY, now=now)


def exchange(
    session: Session,
    owner: Owner,
    conversation_id: str,
    words: tuple[str, str],
    now: datetime,
) -> Turn:
    """Append a turn and finish its reply."""
    turn = say(session, owner, conversation_id, words[0], now)
    end = ReplyEnd(status="done", text=words[1])
    finished: Reply | None = finish_reply(
        session, turn.replies[0].id, end, now=now + timedelta(seconds=1)
    )
    assert finished is not None
    return load_turn(session, owner, turn.id)
