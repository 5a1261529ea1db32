"""Turns and the variants of their replies: say, edit, regenerate, show, and read back."""

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from store.conversations import forget_automatic_title, get_conversation_row, set_automatic_title
from store.errors import ConflictError, NotFoundError
from store.japanese_search import fold
from store.records import NewReply, Reply, ReplyOrigin, ReplyStatus, Thumb, Turn
from store.tables import ConversationRow, FeedbackRow, ReplyRow, TurnRow
from store.visitors import Owner, new_id


def list_turns(
    session: Session, owner: Owner, conversation_id: str, *, with_superseded: bool = False
) -> list[Turn]:
    """Return the turns in order; those edited away only on request. Raises NotFoundError."""
    get_conversation_row(session, owner, conversation_id)
    wanted = (
        select(TurnRow)
        .where(TurnRow.conversation_id == conversation_id)
        .order_by(TurnRow.position)
        .options(selectinload(TurnRow.replies).selectinload(ReplyRow.feedback))
    )
    if not with_superseded:
        wanted = wanted.where(TurnRow.superseded_at.is_(None))
    return [turn_record(row) for row in session.scalars(wanted)]


def load_turn(session: Session, owner: Owner, turn_id: str) -> Turn:
    """Return a visible turn of the owner. Raises NotFoundError."""
    return turn_record(get_turn_row(session, owner, turn_id))


def load_reply(session: Session, owner: Owner, reply_id: str) -> Reply:
    """Return a reply of the owner. Raises NotFoundError."""
    return reply_record(get_reply_row(session, owner, reply_id))


def count_turns(session: Session, conversation_id: str) -> int:
    """Return how many turns were ever said there, superseded ones too."""
    wanted = select(func.count()).where(TurnRow.conversation_id == conversation_id)
    return session.scalar(wanted) or 0


def append_turn(
    session: Session, row: ConversationRow, text: str, reply: NewReply, *, now: datetime
) -> Turn:
    """Add what the visitor said, and its queued reply, at the end of a locked conversation."""
    turn = TurnRow(
        id=new_id(),
        conversation_id=row.id,
        position=_next_position(session, row.id),
        text=text,
        text_folded=fold(text),
        learn=True,
        flagged=False,
        shown=0,
        created_at=now,
        superseded_at=None,
    )
    session.add(turn)
    session.flush()
    _add_reply(session, turn, reply, now=now)
    set_automatic_title(row, text)
    row.updated_at = now
    return turn_record(turn)


def append_variant(session: Session, turn_id: str, reply: NewReply, *, now: datetime) -> Turn:
    """Add a queued variant to a turn of a locked conversation and show it; a duel's stays aside."""
    turn = session.get_one(TurnRow, turn_id)
    _add_reply(session, turn, reply, now=now)
    if reply.origin != "duel":
        turn.shown = len(turn.replies) - 1
    turn.conversation.updated_at = now
    return turn_record(turn)


def supersede_from(session: Session, turn_id: str, *, now: datetime) -> list[str]:
    """Take a turn and all later ones out of view; return the ids of their replies."""
    turn = session.get_one(TurnRow, turn_id)
    first = select(func.min(TurnRow.position)).where(
        TurnRow.conversation_id == turn.conversation_id, TurnRow.superseded_at.is_(None)
    )
    if turn.position == session.scalar(first):
        forget_automatic_title(turn.conversation, turn.text)
    later = (
        select(TurnRow)
        .where(
            TurnRow.conversation_id == turn.conversation_id,
            TurnRow.position >= turn.position,
            TurnRow.superseded_at.is_(None),
        )
        .options(selectinload(TurnRow.replies))
    )
    gone: list[str] = []
    for row in session.scalars(later):
        row.superseded_at = now
        gone.extend(reply.id for reply in row.replies)
    return gone


def show_variant(session: Session, owner: Owner, turn_id: str, index: int) -> Turn:
    """Put a variant on screen. Raises NotFoundError, ConflictError when there is none."""
    turn = get_turn_row(session, owner, turn_id, lock=True)
    if not 0 <= index < len(turn.replies):
        raise ConflictError(f"variant is {index}; expected 0 to {len(turn.replies) - 1}")
    turn.shown = index
    return turn_record(turn)


def set_learn(session: Session, owner: Owner, turn_id: str, *, learn: bool) -> Turn:
    """Allow or forbid learning from this turn. Raises NotFoundError."""
    turn = get_turn_row(session, owner, turn_id, lock=True)
    turn.learn = learn
    return turn_record(turn)


def set_feedback(
    session: Session,
    owner: Owner,
    reply_id: str,
    thumb: Thumb | None,
    reason: str | None,
    *,
    now: datetime,
) -> Reply:
    """Record a thumb, or take it back with None.

    Raises NotFoundError, ConflictError when the reply is still being made.
    """
    reply = get_reply_row(session, owner, reply_id, lock=True)
    if reply_record(reply).moving:
        raise ConflictError("the reply is not finished yet")
    if thumb is None:
        reply.feedback = None
        kept = session.get(FeedbackRow, reply_id)
        if kept is not None:
            session.delete(kept)
    elif reply.feedback is None:
        reply.feedback = FeedbackRow(reply_id=reply_id, thumb=thumb, reason=reason, at=now)
    else:
        reply.feedback.thumb, reply.feedback.reason, reply.feedback.at = thumb, reason, now
    session.flush()
    return reply_record(reply)


def get_turn_row(session: Session, owner: Owner, turn_id: str, *, lock: bool = False) -> TurnRow:
    """Return a visible turn, its conversation locked on request. Raises NotFoundError."""
    turn = session.get(TurnRow, turn_id)
    if turn is None or turn.superseded_at is not None:
        raise NotFoundError("no such turn")
    get_conversation_row(session, owner, turn.conversation_id, lock=lock)
    return turn


def get_reply_row(session: Session, owner: Owner, reply_id: str, *, lock: bool = False) -> ReplyRow:
    """Return a reply, its conversation locked on request. Raises NotFoundError."""
    reply = session.get(ReplyRow, reply_id)
    if reply is None:
        raise NotFoundError("no such reply")
    get_conversation_row(session, owner, reply.turn.conversation_id, lock=lock)
    return reply


def turn_record(row: TurnRow) -> Turn:
    """Return the row with its replies as a record."""
    return Turn(
        id=row.id,
        conversation_id=row.conversation_id,
        position=row.position,
        text=row.text,
        learn=row.learn,
        flagged=row.flagged,
        shown=row.shown,
        created_at=row.created_at,
        superseded_at=row.superseded_at,
        replies=tuple(reply_record(reply) for reply in row.replies),
    )


def reply_record(row: ReplyRow) -> Reply:
    """Return the row with its feedback as a record."""
    feedback = row.feedback
    return Reply(
        id=row.id,
        turn_id=row.turn_id,
        variant=row.variant,
        text=row.text,
        status=one_of(row.status, REPLY_STATUSES),
        origin=one_of(row.origin, REPLY_ORIGINS),
        error=row.error,
        adapter=row.adapter_id,
        facts=tuple(row.facts),
        seed=row.seed,
        sampling=dict(row.sampling),
        timings=dict(row.timings),
        safety=row.safety,
        thumb=None if feedback is None else one_of(feedback.thumb, THUMBS),
        reason=None if feedback is None else feedback.reason,
        created_at=row.created_at,
    )


REPLY_STATUSES: tuple[ReplyStatus, ...] = ("queued", "streaming", "done", "stopped", "failed")
REPLY_ORIGINS: tuple[ReplyOrigin, ...] = ("live", "regenerated", "duel")
THUMBS: tuple[Thumb, ...] = ("up", "down")


_Word = TypeVar("_Word", bound=str)


def one_of(value: str, allowed: Iterable[_Word]) -> _Word:
    """Return a stored word as one of the words it may be. Raises ValueError."""
    for one in allowed:
        if value == one:
            return one
    raise ValueError(f"the database holds {value!r}; expected one of {', '.join(allowed)}")


def _next_position(session: Session, conversation_id: str) -> int:
    wanted = select(func.max(TurnRow.position)).where(TurnRow.conversation_id == conversation_id)
    last = session.scalar(wanted)
    return 0 if last is None else last + 1


def _add_reply(session: Session, turn: TurnRow, reply: NewReply, *, now: datetime) -> None:
    turn.replies.append(
        ReplyRow(
            id=new_id(),
            variant=len(turn.replies),
            text="",
            text_folded="",
            status="queued",
            origin=reply.origin,
            error=None,
            adapter_id=reply.adapter,
            facts=[],
            seed=reply.seed,
            sampling=dict(reply.sampling),
            timings={},
            safety=False,
            created_at=now,
            finished_at=None,
            feedback=None,
        )
    )
    session.flush()
