"""What operators think of replies and pairs; written once, taken back only by a later row."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.audit import append_audit
from store.errors import ConflictError, NotFoundError
from store.night_records import FaultKind, NewReview, Review, ReviewKind
from store.night_tables import PairRow, ReviewRow, ScoreRow
from store.scores import METRIC_COLUMNS
from store.standing import standing
from store.tables import ReplyRow
from store.turns import one_of

REVIEW_KINDS: tuple[ReviewKind, ...] = get_args(ReviewKind)
FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
QUICK = ("good", "bad")
_WORDS_ON_WORDS: tuple[ReviewKind, ...] = ("retract", "restore")
_HIGHEST = 10.0


def append_review(session: Session, review: NewReview, *, now: datetime) -> Review:
    """Store a review of a reply or a pair.

    Raises NotFoundError when that is gone, ConflictError when the review is not whole.
    """
    _check(review)
    if not _lock_subject(session, review):
        raise NotFoundError("what was reviewed is gone; its visitor may have been erased")
    row = review_row(review, now)
    session.add(row)
    session.flush()
    return _record(row, stands=True)


def append_reviews(
    session: Session, reviews: Sequence[NewReview], *, now: datetime
) -> list[Review]:
    """Store what an operator says of a reply at once, with an audit row each. Raises as
    `append_review`."""
    kept = [append_review(session, review, now=now) for review in reviews]
    for review in kept:
        detail: dict[str, object] = {"review": review.id}
        detail |= {"metric": review.metric} if review.metric else {}
        _audit(session, review.operator, review.kind, detail, now)
    return kept


def list_reviews(
    session: Session, *, reply_id: str | None = None, pair_id: str | None = None
) -> list[Review]:
    """Return the reviews of a reply, of a pair or of everything, oldest first; also those that
    were taken back."""
    wanted = select(ReviewRow).order_by(ReviewRow.id)
    if reply_id is not None:
        wanted = wanted.where(ReviewRow.reply_id == reply_id)
    if pair_id is not None:
        wanted = wanted.where(ReviewRow.pair_id == pair_id)
    rows = session.scalars(wanted).all()
    last = {row.target_id: row.kind for row in rows if row.target_id is not None}
    return [_record(row, stands=last.get(row.id) != "retract") for row in rows]


def load_review(session: Session, review_id: int) -> Review:
    """Return a review. Raises NotFoundError."""
    row = session.get(ReviewRow, review_id)
    if row is None:
        raise NotFoundError(f"no review has the number {review_id}")
    return _record(row, stands=_stands(session, row.id))


def retract_review(
    session: Session, review_id: int, operator: str, *, note: str | None, now: datetime
) -> Review:
    """Take a review of a reply back; return the row that says so.

    Raises NotFoundError, ConflictError when it is taken back already or is no such review.
    """
    word = NewReview(operator=operator, kind="retract", target_id=review_id, note=note)
    return _append_word(session, word, now)


def restore_review(
    session: Session, review_id: int, operator: str, *, note: str | None, now: datetime
) -> Review:
    """Let a review count again; return the row that says so. Raises as `retract_review`."""
    word = NewReview(operator=operator, kind="restore", target_id=review_id, note=note)
    return _append_word(session, word, now)


def undo_last(session: Session, operator: str, *, now: datetime) -> str | None:
    """Take back what the operator last said of a reply, all that was saved at once.

    Bulk actions have an undo of their own. Return the reply; None when there is nothing.
    """
    own = (
        ReviewRow.operator == operator,
        ReviewRow.bulk_id.is_(None),
        ReviewRow.reply_id.is_not(None),
        ReviewRow.kind.not_in(_WORDS_ON_WORDS),
        standing(),
    )
    newest = session.scalars(
        select(ReviewRow).where(*own).order_by(ReviewRow.at.desc(), ReviewRow.id.desc()).limit(1)
    ).first()
    if newest is None:
        return None
    together = select(ReviewRow.id).where(
        *own, ReviewRow.at == newest.at, ReviewRow.reply_id == newest.reply_id
    )
    for review_id in session.scalars(together.order_by(ReviewRow.id)).all():
        retract_review(session, review_id, operator, note=None, now=now)
    return newest.reply_id


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
            standing(),
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
    wanted = (
        select(ReviewRow)
        .where(ReviewRow.kind == "contradiction", standing())
        .order_by(ReviewRow.id)
    )
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
            standing(),
        )
        .order_by(ReviewRow.id)
    )
    last: dict[tuple[str, str], tuple[float, float, datetime]] = {}
    for review, scored in session.execute(wanted):
        key = review.operator, review.reply_id
        last.pop(key, None)
        last[key] = review.value, scored, review.at
    return list(last.values())


def review_row(review: NewReview, now: datetime) -> ReviewRow:
    """Return the row of a review, not yet in a session."""
    return ReviewRow(
        operator=review.operator,
        reply_id=review.reply_id,
        pair_id=review.pair_id,
        kind=review.kind,
        metric=review.metric,
        value=review.value,
        text=review.text,
        note=review.note,
        at=now,
        target_id=review.target_id,
        bulk_id=review.bulk_id,
        before=review.before,
        route=review.route,
        blind=review.blind,
    )


def _append_word(session: Session, word: NewReview, now: datetime) -> Review:
    """Append a retraction or restoration of a review, of the same reply as that."""
    target = session.scalars(
        select(ReviewRow).where(ReviewRow.id == word.target_id).with_for_update()
    ).first()
    if target is None:
        raise NotFoundError(f"no review has the number {word.target_id}")
    if target.reply_id is None or target.kind in _WORDS_ON_WORDS:
        raise ConflictError(
            f"review {target.id} is a {target.kind}; expected one that says something of a reply"
        )
    if _stands(session, target.id) == (word.kind == "restore"):
        state = "counts" if word.kind == "restore" else "is taken back"
        raise ConflictError(f"review {target.id} {state} already; nothing was changed")
    row = review_row(replace(word, reply_id=target.reply_id), now)
    session.add(row)
    session.flush()
    detail: dict[str, object] = {"review": row.id, "target": target.id}
    _audit(session, word.operator, word.kind, detail, now)
    return _record(row, stands=True)


def _stands(session: Session, review_id: int) -> bool:
    wanted = select(ReviewRow.id).where(ReviewRow.id == review_id, standing())
    return session.scalar(wanted) is not None


def _lock_subject(session: Session, review: NewReview) -> bool:
    """Return whether the subject is there; it then is until the transaction ends."""
    wanted = (
        select(ReplyRow.id).where(ReplyRow.id == review.reply_id)
        if review.reply_id is not None
        else select(PairRow.id).where(PairRow.id == review.pair_id)
    )
    return session.scalar(wanted.with_for_update(read=True, key_share=True)) is not None


def _audit(
    session: Session, operator: str, kind: ReviewKind, detail: dict[str, object], now: datetime
) -> None:
    append_audit(session, actor=operator, action=f"reply.review.{kind}", detail=detail, now=now)


def _check(review: NewReview) -> None:
    if (review.reply_id is None) == (review.pair_id is None):
        raise ConflictError("a review is about a reply or about a pair; expected exactly one")
    if review.kind not in REVIEW_KINDS:
        raise ConflictError(f"kind is {review.kind!r}; expected {', '.join(REVIEW_KINDS)}")
    if review.kind in _WORDS_ON_WORDS:
        raise ConflictError(f"a {review.kind} is of a review; call retract_review, restore_review")
    if review.kind == "metric":
        if review.metric not in METRIC_COLUMNS:
            known = ", ".join(METRIC_COLUMNS)
            raise ConflictError(f"metric is {review.metric!r}; expected one of {known}")
        if review.value is None or not 0 <= review.value <= _HIGHEST:
            raise ConflictError(f"value is {review.value}; expected a number from 0 to 10")
    if review.kind == "verdict" and review.text not in QUICK:
        raise ConflictError(f"the verdict is {review.text!r}; expected {' or '.join(QUICK)}")
    if review.kind == "skip" and not (review.note or "").strip():
        raise ConflictError("a reply is skipped without a reason; expected one as its note")
    if review.kind in ("verdict", "skip", "exclude") and review.reply_id is None:
        raise ConflictError(f"a {review.kind} is about a pair; expected a reply")
    if review.route is not None and review.route not in FAULT_KINDS:
        raise ConflictError(f"route is {review.route!r}; expected {' or '.join(FAULT_KINDS)}")
    wordless = review.reply_id is None or not (review.text or "").strip()
    if review.kind == "edit" and wordless:
        raise ConflictError("an edit needs a reply and the text in its place")
    if review.kind == "contradiction" and wordless:
        raise ConflictError("a contradiction needs a reply and the words in it that are wrong")


def _record(row: ReviewRow, *, stands: bool) -> Review:
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
        target_id=row.target_id,
        bulk_id=row.bulk_id,
        before=row.before,
        route=None if row.route is None else one_of(row.route, FAULT_KINDS),
        blind=row.blind,
        stands=stands,
    )


def check_review(review: NewReview) -> None:
    """Refuse a review that is not whole. Raises ConflictError."""
    _check(review)
