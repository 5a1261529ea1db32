"""What visitors and evaluators made of each adapter's newest shown replies, summed by visitor.

Sums by visitor are all that a mean with an interval clustered by visitor needs, and keep a page
over many versions small. Every version is read by itself, newest replies first and never more than
`limit` of them, so that the time follows from the number of versions and not from the number of
replies that were ever scored.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, case, exists, func, select
from sqlalchemy.orm import Session, aliased

from store.night_tables import ScoreRow
from store.scores import METRIC_COLUMNS
from store.tables import ConversationRow, FeedbackRow, ReplyRow, TurnRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSums:
    """One visitor's replies of an adapter as one evaluator scored them.

    `values`: sums over `replies`, in the order of METRIC_COLUMNS.
    """

    evaluator: str
    replies: int
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSums:
    """One visitor's signals on replies of an adapter: of `messages` first answered by it,
    `retried` were asked again; of `replies`, `up` and `down` got a thumb."""

    messages: int
    retried: int
    replies: int
    up: int
    down: int


def sum_scores(session: Session, adapter: str, *, limit: int) -> list[ScoreSums]:
    """Return the verdicts on an adapter's newest `limit` scored replies that are on screen.

    What the safety filter answered, deleted conversations and edited-away turns are left out.
    """
    metrics = [getattr(ScoreRow, name) for name in METRIC_COLUMNS]
    newest = (
        select(ConversationRow.visitor_id, ScoreRow.evaluator, *metrics)
        .select_from(ReplyRow)
        .join(TurnRow, and_(TurnRow.id == ReplyRow.turn_id, TurnRow.shown == ReplyRow.variant))
        .join(ConversationRow, ConversationRow.id == TurnRow.conversation_id)
        .join(ScoreRow, ScoreRow.reply_id == ReplyRow.id)
        .where(*_told(adapter), TurnRow.superseded_at.is_(None))
        .order_by(ReplyRow.created_at.desc())
        .limit(limit)
        .subquery()
    )
    totals = [func.sum(newest.c[name]) for name in METRIC_COLUMNS]
    wanted = (
        select(newest.c.evaluator, func.count(), *totals)
        .group_by(newest.c.evaluator, newest.c.visitor_id)
        .order_by(newest.c.evaluator, newest.c.visitor_id)
    )
    return [
        ScoreSums(evaluator=row[0], replies=row[1], values=tuple(row[2:]))
        for row in session.execute(wanted)
    ]


def sum_signals(session: Session, adapter: str, *, limit: int) -> list[SignalSums]:
    """Return what visitors did with an adapter's newest `limit` finished replies, shown or not."""
    later = aliased(ReplyRow)
    again = exists().where(later.turn_id == ReplyRow.turn_id, later.variant > ReplyRow.variant)
    newest = (
        select(
            ConversationRow.visitor_id,
            (ReplyRow.variant == 0).label("first"),
            and_(ReplyRow.variant == 0, again).label("retried"),
            FeedbackRow.thumb,
        )
        .select_from(ReplyRow)
        .join(TurnRow, TurnRow.id == ReplyRow.turn_id)
        .join(ConversationRow, ConversationRow.id == TurnRow.conversation_id)
        .outerjoin(FeedbackRow, FeedbackRow.reply_id == ReplyRow.id)
        .where(*_told(adapter), ReplyRow.status == "done")
        .order_by(ReplyRow.created_at.desc())
        .limit(limit)
        .subquery()
    )
    counts = [
        func.sum(case((condition, 1), else_=0))
        for condition in (
            newest.c.first,
            newest.c.retried,
            newest.c.thumb == "up",
            newest.c.thumb == "down",
        )
    ]
    wanted = (
        select(func.count(), *counts).group_by(newest.c.visitor_id).order_by(newest.c.visitor_id)
    )
    return [
        SignalSums(messages=first, retried=retried, replies=replies, up=up, down=down)
        for replies, first, retried, up, down in session.execute(wanted)
    ]


def _told(adapter: str) -> tuple[ColumnElement[bool], ...]:
    return (
        ReplyRow.adapter_id == adapter,
        ReplyRow.safety.is_(False),
        ConversationRow.deleted_at.is_(None),
    )
