"""What operators make of a pair: approve, flip, veto, a better text, and taking that back.

Every verdict is a review that knows what stood there before it, so it can be taken back as long as
nobody has said anything of the pair since.
"""

import json
from datetime import datetime

from sqlalchemy import ScalarSelect, exists, select
from sqlalchemy.orm import Session, aliased

from store.audit import append_audit
from store.errors import ConflictError, DecidedSinceError, NotFoundError, NothingToUndoError
from store.night_records import PairStatus, StoredPair
from store.night_tables import PairRow, ReviewRow
from store.pairs import PAIR_STATUSES, pair_record

MAX_NOTE_CHARS = 500
VERDICT_KINDS = ("pair", "edit")
"""The kinds of reviews that change a pair; a note does not."""


def decide_pair(
    session: Session,
    pair_id: str,
    status: PairStatus,
    operator: str,
    now: datetime,
    note: str | None = None,
) -> StoredPair:
    """Approve, flip or veto a pair, or propose it anew; the verdict is also kept as a review.

    Raises NotFoundError, ConflictError for an unknown verdict.
    """
    if status not in PAIR_STATUSES:
        raise ConflictError(f"the verdict is {status!r}; expected {', '.join(PAIR_STATUSES)}")
    row = locked_pair(session, pair_id)
    review = verdict_review(row, status, operator, now)
    review.note = note
    session.add(review)
    set_status(row, status, operator, now)
    session.flush()
    append_audit(
        session, actor=operator, action="pair.decide", detail=audit_detail(row, review), now=now
    )
    session.flush()
    return pair_record(row)


def edit_pair(
    session: Session,
    pair_id: str,
    text: str,
    operator: str,
    now: datetime,
    note: str | None = None,
) -> StoredPair:
    """Put a better text in place of the one that would be taught, and approve the pair.

    In a flipped pair that is the one proposed as rejected, and the pair stays flipped. The text
    becomes an option of its own, which nobody has scored. The caller has checked that it may be
    taught. Raises NotFoundError, ConflictError for a text that is empty or that of either side.
    """
    row = locked_pair(session, pair_id)
    text = text.strip()
    if not text:
        raise ConflictError("the text is empty; expected what should have been said")
    if text in (row.chosen.strip(), row.rejected.strip()):
        raise ConflictError(
            "the text is that of a side of the pair; expected one that is new, or a verdict"
        )
    flipped = row.status == "flipped"
    review = ReviewRow(
        operator=operator,
        pair_id=pair_id,
        reply_id=None,
        kind="edit",
        metric=None,
        value=None,
        text=text,
        note=note,
        at=now,
        before=_state(row, with_texts=True),
    )
    session.add(review)
    session.flush()
    option = f"edit-{review.id}"
    if flipped:
        row.rejected_id, row.rejected = option, text
    else:
        row.chosen_id, row.chosen = option, text
    set_status(row, "flipped" if flipped else "approved", operator, now)
    append_audit(
        session, actor=operator, action="pair.edit", detail=audit_detail(row, review), now=now
    )
    session.flush()
    return pair_record(row)


def undo_verdict(session: Session, operator: str, now: datetime) -> StoredPair:
    """Take back the operator's own last verdict or edit, bulk actions aside; again, the one before.

    Returns the pair as it was. Raises NothingToUndoError, and DecidedSinceError when
    somebody else has decided on that pair since.
    """
    wanted = select(ReviewRow).where(
        ReviewRow.operator == operator,
        ReviewRow.pair_id.is_not(None),
        ReviewRow.kind.in_(VERDICT_KINDS),
        ReviewRow.target_id.is_(None),
        ReviewRow.bulk_id.is_(None),
        ReviewRow.before.is_not(None),
        ~exists(_retraction()),
    )
    review = session.scalars(wanted.order_by(ReviewRow.id.desc()).limit(1)).first()
    if review is None or review.pair_id is None:
        raise NothingToUndoError(f"{operator} has no verdict on a pair left to take back")
    row = locked_pair(session, review.pair_id)
    newest = standing_verdict(session, row.id)
    if newest is None or newest.id != review.id:
        whose = "nobody" if newest is None else newest.operator
        raise DecidedSinceError(
            f"{whose} has decided on pair {row.id} since; expected yours to be its last verdict",
            whose,
        )
    take_back(session, row, review, operator, now)
    append_audit(
        session, actor=operator, action="pair.undo", detail=audit_detail(row, review), now=now
    )
    session.flush()
    return pair_record(row)


def locked_pair(session: Session, pair_id: str) -> PairRow:
    """Return a pair that nobody else changes until the transaction ends. Raises NotFoundError."""
    row = session.get(PairRow, pair_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFoundError(f"no pair has the id {pair_id}; its visitor may have been erased")
    return row


def verdict_review(row: PairRow, status: PairStatus, operator: str, now: datetime) -> ReviewRow:
    """Return the review of a verdict that is about to be given."""
    return ReviewRow(
        operator=operator,
        pair_id=row.id,
        reply_id=None,
        kind="pair",
        metric=None,
        value=None,
        text=status,
        note=None,
        at=now,
        before=_state(row, with_texts=False),
    )


def set_status(row: PairRow, status: PairStatus, operator: str, now: datetime) -> None:
    """Give a pair its verdict; a proposed one is nobody's."""
    undecided = status == "proposed"
    row.status = status
    row.decided_by, row.decided_at = (None, None) if undecided else (operator, now)


def audit_detail(row: PairRow, review: ReviewRow) -> dict[str, object]:
    """Return what the log of deeds keeps of a verdict: its review, which an erasure removes, not
    the pair's id, which would outlive it."""
    return {"night": row.night_date, "review": review.id, "status": row.status}


def standing_verdict(session: Session, pair_id: str) -> ReviewRow | None:
    """Return the last verdict on a pair that was not taken back."""
    wanted = select(ReviewRow).where(
        ReviewRow.pair_id == pair_id,
        ReviewRow.kind.in_(VERDICT_KINDS),
        ReviewRow.target_id.is_(None),
        ~exists(_retraction()),
    )
    return session.scalars(wanted.order_by(ReviewRow.id.desc()).limit(1)).first()


def take_back(
    session: Session, row: PairRow, review: ReviewRow, operator: str, now: datetime
) -> None:
    """Give a pair what it had before a verdict, and note that as a review of its own."""
    before = json.loads(review.before or "{}")
    undone = verdict_review(row, before["status"], operator, now)
    undone.target_id = review.id
    undone.before = _state(row, with_texts="chosen" in before)
    row.status, row.decided_by = before["status"], before["decided_by"]
    at = before["decided_at"]
    row.decided_at = None if at is None else datetime.fromisoformat(at)
    if "chosen" in before:
        row.chosen_id, row.chosen = before["chosen_id"], before["chosen"]
        row.rejected_id, row.rejected = before["rejected_id"], before["rejected"]
    session.add(undone)


def _state(row: PairRow, *, with_texts: bool) -> str:
    """What a verdict may have to give back, as JSON; the texts only where it changes one."""
    state: dict[str, str | None] = {
        "status": row.status,
        "decided_by": row.decided_by,
        "decided_at": None if row.decided_at is None else row.decided_at.isoformat(),
    }
    if with_texts:
        state |= {
            "chosen_id": row.chosen_id,
            "chosen": row.chosen,
            "rejected_id": row.rejected_id,
            "rejected": row.rejected,
        }
    return json.dumps(state, ensure_ascii=False)


def _retraction() -> ScalarSelect[int]:
    """The review that takes back the one of the query around it."""
    other = aliased(ReviewRow)
    return (
        select(other.id)
        .where(other.target_id == ReviewRow.id)
        .correlate(ReviewRow)
        .scalar_subquery()
    )
