"""Whether a review that comes from elsewhere has its subject here, and whether it is here already."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.night_records import NewReview
from store.night_tables import PairRow, ReviewRow
from store.tables import ReplyRow


def subject_is_here(session: Session, review: NewReview) -> bool:
    """Return whether the reply or pair that a review is about is there."""
    if review.reply_id is not None:
        return session.get(ReplyRow, review.reply_id) is not None
    return review.pair_id is not None and session.get(PairRow, review.pair_id) is not None


def is_known(session: Session, review: NewReview, at: datetime | None) -> bool:
    """Return whether the same person said the same of it, at that moment; None: at any."""
    wanted = select(ReviewRow.id).where(
        ReviewRow.operator == review.operator,
        ReviewRow.kind == review.kind,
        ReviewRow.reply_id.is_not_distinct_from(review.reply_id),
        ReviewRow.pair_id.is_not_distinct_from(review.pair_id),
        ReviewRow.metric.is_not_distinct_from(review.metric),
        ReviewRow.value.is_not_distinct_from(review.value),
        ReviewRow.text.is_not_distinct_from(review.text),
        ReviewRow.note.is_not_distinct_from(review.note),
    )
    if at is not None:
        wanted = wanted.where(ReviewRow.at == at)
    return session.scalar(wanted.limit(1)) is not None
