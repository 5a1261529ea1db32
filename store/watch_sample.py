"""Which replies the same-day watch may still have scored."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, exists, or_, select
from sqlalchemy.orm import Session, aliased

from store.learning import learnable_turn
from store.night_tables import NightRow, ScoreFailureRow, ScoreRow
from store.outcomes import in_duel
from store.owners import is_gone
from store.tables import ConversationRow, ReplyRow, TurnRow, VisitorRow


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleQuery:
    """Replies of `adapter` made in [since, until) and settled at `now`, that `evaluator` has not
    looked at. since None: from the beginning. `retention` as the night's."""

    adapter: str
    since: datetime | None
    until: datetime
    now: datetime
    settle: timedelta
    retention: timedelta
    evaluator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscored:
    """A reply without a verdict, and the turn it answers."""

    reply_id: str
    turn_id: str


def list_unscored(
    session: Session, query: SampleQuery, *, limit: int, newest_first: bool = False
) -> list[Unscored]:
    """Return at most `limit` replies that the night might score too, in the order they were made.

    Only what its visitor lets the night use: consented, not deleted, not edited away, not "do not
    learn this", inside retention; finished, shown, not caught by the safety filter, and not of a
    duel, which shows the better of two. Settled
    means the same as in `outcomes`: the visitor has gone on, or `settle` has passed.
    """
    later = aliased(TurnRow)
    went_on = exists().where(
        later.conversation_id == TurnRow.conversation_id, later.position > TurnRow.position
    )
    scored = exists().where(
        ScoreRow.subject_id == ReplyRow.id, ScoreRow.evaluator == query.evaluator
    )
    failed = exists().where(
        ScoreFailureRow.subject_id == ReplyRow.id, ScoreFailureRow.evaluator == query.evaluator
    )
    order = (ReplyRow.created_at, ReplyRow.id)
    wanted = (
        select(ReplyRow.id, ReplyRow.turn_id)
        .join(TurnRow, and_(ReplyRow.turn_id == TurnRow.id, ReplyRow.variant == TurnRow.shown))
        .join(ConversationRow, TurnRow.conversation_id == ConversationRow.id)
        .join(VisitorRow, ConversationRow.visitor_id == VisitorRow.id)
        .where(
            *learnable_turn(now=query.now, retention=query.retention),
            ReplyRow.adapter_id == query.adapter,
            ReplyRow.status == "done",
            ReplyRow.safety.is_(False),
            ~in_duel(),
            ReplyRow.created_at < query.until,
            or_(ReplyRow.created_at <= query.now - query.settle, went_on),
            ~scored,
            ~failed,
        )
        .order_by(*(column.desc() for column in order) if newest_first else order)
        .limit(limit)
    )
    if query.since is not None:
        wanted = wanted.where(ReplyRow.created_at >= query.since)
    return [Unscored(reply_id=reply, turn_id=turn) for reply, turn in session.execute(wanted)]


def count_scored(session: Session, query: SampleQuery, *, limit: int) -> int:
    """Return how many such replies of the adapter have a verdict already, counted up to `limit`."""
    wanted = (
        select(ReplyRow.id)
        .join(ScoreRow, ScoreRow.reply_id == ReplyRow.id)
        .where(
            ReplyRow.adapter_id == query.adapter,
            ScoreRow.evaluator == query.evaluator,
            ReplyRow.created_at < query.until,
        )
        .limit(limit)
    )
    if query.since is not None:
        wanted = wanted.where(ReplyRow.created_at >= query.since)
    return len(session.scalars(wanted).all())


def is_night_running(session: Session, now: datetime) -> bool:
    """Return whether some process that may be alive holds the lease of a night."""
    owners = session.scalars(select(NightRow.lease_owner).where(NightRow.lease_until > now))
    return any(owner is not None and not is_gone(owner) for owner in owners)
