"""A reply as an operator judges it: the talk before it, and the signals it drew."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from store.errors import NotFoundError
from store.night_records import Line
from store.night_tables import ConflictRow, ScoreRow
from store.records import Reply
from store.scores import metric_values
from store.tables import ReplyRow, SafetyEventRow, TurnRow
from store.turns import reply_record


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """What the safety filter caught in the turn; `source` is user or reply."""

    source: str
    category: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewSubject:
    """A reply with what was said before it, oldest first.

    `conflicts`: the visitor's signals that stand against the evaluator and wait for a decision.
    """

    reply: Reply
    conversation_id: str
    user_text: str
    said_at: datetime
    before: tuple[Line, ...]
    caught: tuple[Caught, ...]
    conflicts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenScore:
    """What an evaluator gave, 0..10, with its spread in points."""

    evaluator: str
    at: datetime
    values: dict[str, float]
    spread: dict[str, float]


def load_subject(session: Session, reply_id: str, *, turns_before: int = 6) -> ReviewSubject:
    """Return a reply with at most `turns_before` earlier turns on screen. Raises NotFoundError."""
    reply = session.get(ReplyRow, reply_id)
    if reply is None or reply.turn.conversation.deleted_at is not None:
        raise NotFoundError("no such reply; its visitor may have been erased")
    turn = reply.turn
    events = select(SafetyEventRow).where(SafetyEventRow.reply_id == reply_id)
    conflicts = select(ConflictRow.signal).where(
        ConflictRow.reply_id == reply_id, ConflictRow.resolved_at.is_(None)
    )
    return ReviewSubject(
        reply=reply_record(reply),
        conversation_id=turn.conversation_id,
        user_text=turn.text,
        said_at=turn.created_at,
        before=_talk(_turns_before(session, turn, turns_before)),
        caught=tuple(
            Caught(source=row.source, category=row.category, text=row.text)
            for row in session.scalars(events.order_by(SafetyEventRow.at, SafetyEventRow.id))
        ),
        conflicts=tuple(session.scalars(conflicts.order_by(ConflictRow.signal))),
    )


def list_given_scores(session: Session, reply_id: str) -> list[GivenScore]:
    """Return every verdict of an evaluator on a reply, the newest first."""
    wanted = select(ScoreRow).where(ScoreRow.reply_id == reply_id).order_by(ScoreRow.id.desc())
    return [
        GivenScore(
            evaluator=row.evaluator, at=row.at, values=metric_values(row), spread=dict(row.spread)
        )
        for row in session.scalars(wanted)
    ]


def _turns_before(session: Session, turn: TurnRow, most: int) -> Sequence[TurnRow]:
    wanted = (
        select(TurnRow)
        .where(
            TurnRow.conversation_id == turn.conversation_id,
            TurnRow.position < turn.position,
            TurnRow.superseded_at.is_(None),
        )
        .order_by(TurnRow.position.desc())
        .limit(most)
        .options(selectinload(TurnRow.replies))
    )
    return session.scalars(wanted).all()[::-1]


def _talk(turns: Sequence[TurnRow]) -> tuple[Line, ...]:
    lines: list[Line] = []
    for turn in turns:
        lines.append(("user", turn.text))
        shown = turn.replies[turn.shown]
        if shown.text:
            lines.append(("assistant", shown.text))
    return tuple(lines)
