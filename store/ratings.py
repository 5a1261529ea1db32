"""What people and an evaluator said of the same replies, for measures of their agreement."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.batches import batches
from store.night_records import TrustRecord
from store.night_tables import NightRewardRow, NightStepRow, NightTrustRow, ReviewRow, ScoreRow
from store.rewards import trust_record
from store.scores import METRIC_COLUMNS, load_scores
from store.standing import standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """An operator's last verdict (0..10) on one metric of a reply. `blind`: the evaluator's scores
    were not shown."""

    operator: str
    value: float
    blind: bool
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedReply:
    """A reply that operators rated. `ratings`: metric -> one per operator, oldest first.

    `evaluator`: metric -> 0..10, None where it has no verdict.
    """

    reply_id: str
    evaluator: Mapping[str, float] | None
    ratings: Mapping[str, tuple[Rating, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingsState:
    """What tells whether ratings, scores or nights have changed; equal: they have not.

    A retraction is a review of its own; an erasure takes reviews away, whose ids may come again.
    """

    reviews: int
    newest_review: tuple[int, datetime] | None
    newest_score: int | None
    newest_trust: str | None
    newest_step: datetime | None


def ratings_state(session: Session) -> RatingsState:
    """Return the state of everything that agreement is measured on, without reading it."""
    newest = select(ReviewRow.id, ReviewRow.at).order_by(ReviewRow.id.desc()).limit(1)
    row = session.execute(newest).one_or_none()
    return RatingsState(
        reviews=session.scalar(select(func.count(ReviewRow.id))) or 0,
        newest_review=None if row is None else (row.id, row.at),
        newest_score=session.scalar(select(func.max(ScoreRow.id))),
        newest_trust=session.scalar(select(func.max(NightTrustRow.night_date))),
        newest_step=session.scalar(select(func.max(NightStepRow.finished_at))),
    )


def paired_ratings(session: Session, evaluator: str, since: datetime) -> list[RatedReply]:
    """Return the replies that operators rated since then, in order of their newest rating.

    Of several verdicts of one operator on one metric of a reply the last counts.
    """
    last = last_ratings(session, since)
    scores = load_scores(session, list(last), evaluator)
    return [
        RatedReply(
            reply_id=reply,
            evaluator=scores[reply].values if reply in scores else None,
            ratings={metric: tuple(given.values()) for metric, given in metrics.items()},
        )
        for reply, metrics in last.items()
    ]


def last_ratings(
    session: Session, since: datetime | None = None
) -> dict[str, dict[str, dict[str, Rating]]]:
    """Return reply -> metric -> operator -> their last verdict that stands, of those since then,
    replies in order of their newest rating; everything for None."""
    wanted = (
        select(ReviewRow)
        .where(
            ReviewRow.kind == "metric",
            ReviewRow.metric.in_(METRIC_COLUMNS),
            ReviewRow.value.is_not(None),
            ReviewRow.reply_id.is_not(None),
            standing(),
        )
        .order_by(ReviewRow.id)
    )
    if since is not None:
        wanted = wanted.where(ReviewRow.at >= since)
    last: dict[str, dict[str, dict[str, Rating]]] = {}
    for row in session.scalars(wanted):
        reply = last.pop(str(row.reply_id), {})
        last[str(row.reply_id)] = reply
        given = reply.setdefault(str(row.metric), {})
        given.pop(row.operator, None)
        given[row.operator] = Rating(
            operator=row.operator, value=float(row.value or 0.0), blind=row.blind, at=row.at
        )
    return last


def rating_evaluators(session: Session) -> dict[str, int]:
    """Return the evaluators that have a verdict on a rated reply, and on how many, most first."""
    rated = select(ReviewRow.reply_id).where(
        ReviewRow.kind == "metric",
        ReviewRow.metric.in_(METRIC_COLUMNS),
        ReviewRow.reply_id.is_not(None),
        standing(),
    )
    found: dict[str, int] = {}
    for some in batches(str(reply) for reply in session.scalars(rated.distinct())):
        counted = select(ScoreRow.evaluator, func.count()).where(ScoreRow.subject_id.in_(some))
        for evaluator, count in session.execute(counted.group_by(ScoreRow.evaluator)):
            found[evaluator] = found.get(evaluator, 0) + count
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))


def list_trust_history(session: Session, *, nights: int) -> dict[str, list[TrustRecord]]:
    """Return night -> the trust it was frozen with, of the newest `nights` that have any, oldest
    first."""
    newest = (
        select(NightTrustRow.night_date)
        .distinct()
        .order_by(NightTrustRow.night_date.desc())
        .limit(nights)
    )
    dates = list(session.scalars(newest))
    wanted = select(NightTrustRow).where(NightTrustRow.night_date.in_(dates))
    found: dict[str, list[TrustRecord]] = {date: [] for date in reversed(dates)}
    for row in session.scalars(wanted.order_by(NightTrustRow.metric)):
        found[row.night_date].append(trust_record(row))
    return found


def newest_rewarded_night(session: Session) -> str | None:
    """Return the newest night whose rewards are stored, None without any."""
    return session.scalar(select(func.max(NightRewardRow.night_date)))
