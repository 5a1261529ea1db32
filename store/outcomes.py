"""What became of the replies of an adapter: what the same-day watch looks at."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from store.night_tables import ScoreRow
from store.scores import METRIC_COLUMNS, metric_values
from store.tables import (
    AdapterRow,
    ConversationRow,
    DeploymentRow,
    FeedbackRow,
    ReplyRow,
    TurnRow,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """The newest deployment, and what was in production before it; None: the bare base model.

    `first`: the adapter was never in production before. An operator, an erasure or the watch that
    goes back to an earlier adapter makes a swap that is not.
    """

    deployment_id: int
    adapter: str
    previous: str | None
    at: datetime
    first: bool
    tainted: bool
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One shown reply. `first`: it was the first answer to its message.

    `regenerated`: its visitor asked for another variant after it. `score`: mean of the twelve
    metrics, 0..10; None when the evaluator has not seen it.
    """

    reply_id: str
    visitor_id: str
    at: datetime
    first: bool
    regenerated: bool
    thumb: str | None
    score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeQuery:
    """Whose replies, made in [since, until), settled at `now`; the newest `limit` of them.

    A reply is settled when its visitor has gone on to a later turn or `settle` has passed, and by
    nothing else: were a retry enough, the newest replies would be those that were retried.
    """

    adapter: str | None
    since: datetime | None
    until: datetime
    now: datetime
    settle: timedelta
    evaluator: str | None = None
    limit: int = 2000


def newest_swap(session: Session) -> Swap | None:
    """Return the newest deployment; None when there never was one."""
    newest = session.scalar(select(DeploymentRow).order_by(DeploymentRow.id.desc()).limit(1))
    if newest is None:
        return None
    earlier = list(
        session.scalars(
            select(DeploymentRow.adapter_id)
            .where(DeploymentRow.id < newest.id)
            .order_by(DeploymentRow.id.desc())
        )
    )
    return Swap(
        deployment_id=newest.id,
        adapter=newest.adapter_id,
        previous=earlier[0] if earlier else None,
        at=newest.at,
        first=newest.adapter_id not in earlier,
        tainted=session.get_one(AdapterRow, newest.adapter_id).tainted_at is not None,
        who=newest.who,
    )


def list_outcomes(session: Session, query: OutcomeQuery) -> list[Outcome]:
    """Return the settled finished replies of an adapter, oldest first.

    What the safety filter answered in her place is not the adapter's and left out, and so are the
    answers of a duel: chosen among two, they are not retried as one that stood alone.
    """
    later_variant, later_turn = aliased(ReplyRow), aliased(TurnRow)
    regenerated = exists().where(
        later_variant.turn_id == ReplyRow.turn_id, later_variant.variant > ReplyRow.variant
    )
    went_on = exists().where(
        later_turn.conversation_id == TurnRow.conversation_id,
        later_turn.position > TurnRow.position,
    )
    scored = and_(ScoreRow.reply_id == ReplyRow.id, ScoreRow.evaluator == query.evaluator)
    adapter = query.adapter
    wanted = (
        select(ReplyRow, ConversationRow.visitor_id, regenerated, FeedbackRow.thumb, ScoreRow)
        .join(TurnRow, ReplyRow.turn_id == TurnRow.id)
        .join(ConversationRow, TurnRow.conversation_id == ConversationRow.id)
        .outerjoin(FeedbackRow, FeedbackRow.reply_id == ReplyRow.id)
        .outerjoin(ScoreRow, scored)
        .where(
            ReplyRow.adapter_id.is_(None) if adapter is None else ReplyRow.adapter_id == adapter,
            ReplyRow.status.in_(("done", "stopped")),
            ReplyRow.safety.is_(False),
            ReplyRow.created_at < query.until,
            ~in_duel(),
            ConversationRow.deleted_at.is_(None),
            or_(ReplyRow.created_at <= query.now - query.settle, went_on),
        )
        .order_by(ReplyRow.created_at.desc(), ReplyRow.id.desc())
        .limit(query.limit)
    )
    if query.since is not None:
        wanted = wanted.where(ReplyRow.created_at >= query.since)
    newest_first = [
        Outcome(
            reply_id=reply.id,
            visitor_id=visitor_id,
            at=reply.created_at,
            first=reply.variant == 0,
            regenerated=again,
            thumb=thumb,
            score=None if row is None else sum(metric_values(row).values()) / len(METRIC_COLUMNS),
        )
        for reply, visitor_id, again, thumb, row in session.execute(wanted)
    ]
    return newest_first[::-1]


def in_duel() -> ColumnElement[bool]:
    """Whether another version answered the turn of the reply too."""
    second = aliased(ReplyRow)
    return exists().where(second.turn_id == ReplyRow.turn_id, second.origin == "duel")


def evaluator_of(session: Session, adapter: str, since: datetime) -> str | None:
    """Return who scored most replies that an adapter made since then; None when nobody did."""
    wanted = (
        select(ScoreRow.evaluator)
        .join(ReplyRow, ScoreRow.reply_id == ReplyRow.id)
        .where(ReplyRow.adapter_id == adapter, ReplyRow.created_at >= since)
        .group_by(ScoreRow.evaluator)
        .order_by(func.count().desc(), ScoreRow.evaluator)
        .limit(1)
    )
    return session.scalar(wanted)
