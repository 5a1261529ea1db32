"""Who has which reply of the review queue before them, and how far they have come."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from store.batches import batches, existing_turns
from store.console_tables import ReviewClaimRow
from store.night_tables import ReviewRow
from store.review_queue import JUDGED
from store.standing import standing

_HELD = timedelta(minutes=10)
_LOCK = 0x72657677  # any constant: the key of PostgreSQL's advisory lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A reply that may be claimed."""

    reply_id: str
    turn_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewProgress:
    """How many replies an operator has reviewed one by one; bulk actions do not count."""

    today: int
    in_all: int


def claim_replies(
    session: Session, operator: str, wanted: Sequence[Subject], *, most: int, now: datetime
) -> list[str]:
    """Give the operator the first `most` replies that nobody else has before them, for ten minutes.

    Their own they keep, with the time renewed. Return the ids in the given order.
    """
    if session.get_bind().dialect.name == "postgresql":
        # Two who ask at once would both find the same replies free. SQLite has one writer anyway.
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    session.execute(delete(ReviewClaimRow).where(ReviewClaimRow.until <= now))
    held: dict[str, ReviewClaimRow] = {}
    for some in batches(one.reply_id for one in wanted):
        claims = session.scalars(select(ReviewClaimRow).where(ReviewClaimRow.reply_id.in_(some)))
        held.update((row.reply_id, row) for row in claims)
    free = [
        one for one in wanted if one.reply_id not in held or held[one.reply_id].operator == operator
    ][:most]
    there = existing_turns(session, (one.turn_id for one in free))
    given = [one.reply_id for one in free if one.turn_id in there]
    for reply_id in given:
        if reply_id in held:
            held[reply_id].until = now + _HELD
        else:
            session.add(ReviewClaimRow(reply_id=reply_id, operator=operator, until=now + _HELD))
    session.flush()
    return given


def review_progress(session: Session, operator: str, *, since: datetime) -> ReviewProgress:
    """Return how far an operator has come; `since`: when their day began."""
    wanted = select(func.count(ReviewRow.reply_id.distinct())).where(
        ReviewRow.operator == operator,
        ReviewRow.bulk_id.is_(None),
        ReviewRow.kind.in_(JUDGED),
        standing(),
    )
    return ReviewProgress(
        today=session.scalar(wanted.where(ReviewRow.at >= since)) or 0,
        in_all=session.scalar(wanted) or 0,
    )
