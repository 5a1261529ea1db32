"""One verdict on every pair that a filter finds, and taking it back as one."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.audit import append_audit
from store.batches import batches
from store.console_tables import BulkActionRow
from store.errors import ConflictError, NotFoundError
from store.night_tables import PairRow, ReviewRow
from store.pair_inbox import PairFilter, select_pairs
from store.pair_verdicts import (
    audit_detail,
    set_status,
    standing_verdict,
    take_back,
    verdict_review,
)
from store.tables import VisitorRow
from store.visitors import new_id

APPROVE = "pair.approve_all"


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkVerdict:
    """A bulk action and how many pairs it decided."""

    id: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkUndo:
    """How many pairs have what they had before, and how many were left: they were decided on since,
    or are gone."""

    restored: int
    kept: int


def approve_found(
    session: Session, wanted: PairFilter, operator: str, now: datetime
) -> BulkVerdict:
    """Approve every undecided pair that a filter finds, whatever status it names.

    Raises ConflictError when there is none.
    """
    found = replace(wanted, status="proposed")
    rows = _lock(session, session.scalars(select_pairs(found).with_only_columns(PairRow.id)).all())
    rows = [row for row in rows if row.status == "proposed"]
    if not rows:
        raise ConflictError("the filter finds no undecided pair; expected at least one")
    action = BulkActionRow(
        id=new_id(),
        operator=operator,
        action=APPROVE,
        filter=asdict(found),
        count=len(rows),
        at=now,
        undone_at=None,
        undone_by=None,
    )
    session.add(action)
    given: list[tuple[PairRow, ReviewRow]] = []
    for row in rows:
        review = verdict_review(row, "approved", operator, now)
        review.bulk_id = action.id
        set_status(row, "approved", operator, now)
        given.append((row, review))
    session.add_all(review for _, review in given)
    session.flush()
    for row, review in given:
        one = {**audit_detail(row, review), "bulk": action.id}
        append_audit(session, actor=operator, action="pair.decide", detail=one, now=now)
    detail: dict[str, object] = {"bulk": action.id, "pairs": len(rows), "filter": asdict(found)}
    append_audit(session, actor=operator, action=APPROVE, detail=detail, now=now)
    session.flush()
    return BulkVerdict(id=action.id, count=len(rows))


def undo_bulk(session: Session, bulk_id: str, operator: str, now: datetime) -> BulkUndo:
    """Give the pairs of a bulk action back what they had, those aside that somebody decided since.

    Raises NotFoundError, ConflictError when it is undone already.
    """
    action = session.get(BulkActionRow, bulk_id, with_for_update=True, populate_existing=True)
    if action is None or action.action != APPROVE:
        raise NotFoundError(f"no bulk action on pairs has the id {bulk_id}")
    if action.undone_at is not None:
        raise ConflictError(f"{action.undone_by} has undone it already")
    given = select(ReviewRow).where(ReviewRow.bulk_id == bulk_id, ReviewRow.target_id.is_(None))
    reviews = {str(review.pair_id): review for review in session.scalars(given)}
    restored = 0
    for row in _lock(session, list(reviews)):
        newest = standing_verdict(session, row.id)
        if newest is not None and newest.id == reviews[row.id].id:
            take_back(session, row, newest, operator, now)
            restored += 1
    action.undone_at, action.undone_by = now, operator
    detail: dict[str, object] = {"bulk": bulk_id, "pairs": restored}
    append_audit(session, actor=operator, action="pair.undo_all", detail=detail, now=now)
    session.flush()
    return BulkUndo(restored=restored, kept=action.count - restored)


def _lock(session: Session, pair_ids: Sequence[str]) -> list[PairRow]:
    """Return the pairs by id, those gone meanwhile aside; the others stay as they are until the
    transaction ends."""
    rows: list[PairRow] = []
    for some in batches(pair_ids):
        owners = select(PairRow.visitor_id).where(PairRow.id.in_(some))
        alive = select(VisitorRow.id).where(VisitorRow.id.in_(owners)).order_by(VisitorRow.id)
        # Visitors first, as an erasure does: see batches.existing_turns.
        session.scalars(alive.with_for_update(read=True, key_share=True)).all()
        wanted = select(PairRow).where(PairRow.id.in_(some)).order_by(PairRow.id)
        locked = wanted.with_for_update().execution_options(populate_existing=True)
        rows.extend(session.scalars(locked))
    return rows
