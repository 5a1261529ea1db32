"""What operators think of replies and pairs; written once, never changed."""

from datetime import datetime
from typing import get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.errors import ConflictError, NotFoundError
from store.night_records import NewReview, Review, ReviewKind
from store.night_tables import PairRow, ReviewRow, ScoreRow
from store.scores import METRIC_COLUMNS
from store.tables import ReplyRow
from store.turns import one_of

REVIEW_KINDS: tuple[ReviewKind, ...] = get_args(ReviewKind)
_HIGHEST = 10.0


def append_review(session: Session, review: NewReview, *, now: datetime) -> Review:
    """Store a review of a reply or a pair.

    Raises NotFoundError when that is gone, ConflictError when the review is not whole.
    """
    _check(review)
    subject = (
        session.get(ReplyRow, review.reply_id)
        if review.reply_id is not None
        else session.get(PairRow, review.pair_id)
    )
    if subject is None:
        raise NotFoundError("what was reviewed is gone; its visitor may have been erased")
    row = ReviewRow(
        operator=review.operator,
        reply_id=review.reply_id,
        pair_id=review.pair_id,
        kind=review.kind,
        metric=review.metric,
        value=review.value,
        text=review.text,
        note=review.note,
        at=now,
    )
    session.add(row)
    session.flush()
    return _record(row)


def list_reviews(
    session: Session, *, reply_id: str | None = None, pair_id: str | None = None
) -> list[Review]:
    """Return the reviews of a reply, of a pair or of everything, oldest first."""
    wanted = select(ReviewRow).order_by(ReviewRow.id)
    if reply_id is not None:
        wanted = wanted.where(ReviewRow.reply_id == reply_id)
    if pair_id is not None:
        wanted = wanted.where(ReviewRow.pair_id == pair_id)
    return [_record(row) for row in session.scalars(wanted)]


def reviewed_values(session: Session) -> tuple[dict[str, dict[str, float]], datetime | None]:
    """Return reply -> metric -> mean of the operators' last verdicts (0..10), and when the newest
    verdict was written, None without any."""
    wanted = (
        select(ReviewRow)
        .where(
            ReviewRow.kind == "metric",
            ReviewRow.reply_id.is_not(None),
            ReviewRow.metric.is_not(None),
            ReviewRow.value.is_not(None),
        )
        .order_by(ReviewRow.id)
    )
    newest: datetime | None = None
    last: dict[tuple[str, str], dict[str, float]] = {}
    for row in session.scalars(wanted):
        last.setdefault((str(row.reply_id), str(row.metric)), {})[row.operator] = float(
            row.value or 0.0
        )
        newest = row.at if newest is None else max(newest, row.at)
    values: dict[str, dict[str, float]] = {}
    for (reply, metric), given in last.items():
        values.setdefault(reply, {})[metric] = sum(given.values()) / len(given)
    return values, newest


def flagged_contradictions(session: Session) -> dict[str, tuple[str, ...]]:
    """Return reply -> the words in it that operators flagged as wrong, oldest first."""
    wanted = select(ReviewRow).where(ReviewRow.kind == "contradiction").order_by(ReviewRow.id)
    flagged: dict[str, tuple[str, ...]] = {}
    for row in session.scalars(wanted):
        reply = str(row.reply_id)
        flagged[reply] = (*flagged.get(reply, ()), str(row.text).strip())
    return flagged


def paired_reviews(
    session: Session, metric: str, evaluator: str, since: datetime
) -> list[tuple[float, float, datetime]]:
    """Return (operator's value, evaluator's value, when) for replies that both judged.

    Values are 0..10, oldest first; of several verdicts of one operator on one reply the last
    counts. Raises ValueError for an unknown metric.
    """
    if metric not in METRIC_COLUMNS:
        raise ValueError(f"metric is {metric!r}; expected one of {', '.join(METRIC_COLUMNS)}")
    wanted = (
        select(ReviewRow, ScoreRow.__table__.c[metric])
        .join(ScoreRow, ScoreRow.subject_id == ReviewRow.reply_id)
        .where(
            ReviewRow.kind == "metric",
            ReviewRow.metric == metric,
            ReviewRow.value.is_not(None),
            ReviewRow.at >= since,
            ScoreRow.evaluator == evaluator,
        )
        .order_by(ReviewRow.id)
    )
    last: dict[tuple[str, str], tuple[float, float, datetime]] = {}
    for review, scored in session.execute(wanted):
        key = review.operator, review.reply_id
        last.pop(key, None)
        last[key] = review.value, scored, review.at
    return list(last.values())


def _check(review: NewReview) -> None:
    if (review.reply_id is None) == (review.pair_id is None):
        raise ConflictError("a review is about a reply or about a pair; expected exactly one")
    if review.kind not in REVIEW_KINDS:
        raise ConflictError(f"kind is {review.kind!r}; expected {', '.join(REVIEW_KINDS)}")
    if review.kind == "metric":
        if review.metric not in METRIC_COLUMNS:
            known = ", ".join(METRIC_COLUMNS)
            raise ConflictError(f"metric is {review.metric!r}; expected one of {known}")
        if review.value is None or not 0 <= review.value <= _HIGHEST:
            raise ConflictError(f"value is {review.value}; expected a number from 0 to 10")
    wordless = review.reply_id is None or not (review.text or "").strip()
    if review.kind == "edit" and wordless:
        raise ConflictError("an edit needs a reply and the text in its place")
    if review.kind == "contradiction" and wordless:
        raise ConflictError("a contradiction needs a reply and the words in it that are wrong")


def _record(row: ReviewRow) -> Review:
    return Review(
        id=row.id,
        operator=row.operator,
        kind=one_of(row.kind, REVIEW_KINDS),
        reply_id=row.reply_id,
        pair_id=row.pair_id,
        metric=row.metric,
        value=row.value,
        text=row.text,
        note=row.note,
        at=row.at,
    )


def check_review(review: NewReview) -> None:
    """Refuse a review that is not whole. Raises ConflictError."""
    _check(review)
