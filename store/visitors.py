"""Visitors: their row appears with their first action, their consent starts unasked."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from uuid import uuid4

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from store.console_tables import DuelRow
from store.errors import NotFoundError
from store.records import Visitor
from store.tables import ErasureRow, VisitorRow


def new_id() -> str:
    """Return a fresh random id: 32 hexadecimal digits, impossible to guess."""
    return uuid4().hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose rows a query may touch. Every query of a visitor's data takes one."""

    visitor_id: str


def is_erased(session: Session, visitor_id: str) -> bool:
    """Return whether this id belonged to an erased visitor and must not come back."""
    return session.get(ErasureRow, hash_of(visitor_id)) is not None


def hash_of(visitor_id: str) -> str:
    """Return what remains of an id after erasure."""
    return sha256(visitor_id.encode()).hexdigest()


def load_visitor(session: Session, visitor_id: str) -> Visitor | None:
    """Return the visitor, None when they have done nothing yet."""
    row = session.get(VisitorRow, visitor_id)
    return None if row is None else _record(row)


def ensure_visitor(session: Session, visitor_id: str, *, now: datetime) -> Visitor:
    """Return the visitor, made if new, locked for the rest of the transaction.

    Raises NotFoundError for an erased id.
    """
    if is_erased(session, visitor_id):
        raise NotFoundError("this visitor was erased")
    row = session.get(VisitorRow, visitor_id, with_for_update=True)
    if row is None:
        row = _insert(session, visitor_id, now)
    return _record(row)


def set_consent(session: Session, owner: Owner, *, allow: bool, now: datetime) -> Visitor:
    """Record the choice; only what is said after the newest yes may be learnt from."""
    ensure_visitor(session, owner.visitor_id, now=now)
    row = session.get_one(VisitorRow, owner.visitor_id)
    if row.consent is not allow:
        row.consent, row.consent_at = allow, now
    return _record(row)


def set_duel(session: Session, owner: Owner, *, allow: bool, now: datetime) -> Visitor:
    """Record whether two versions may answer now and then; a no ends questions still open."""
    ensure_visitor(session, owner.visitor_id, now=now)
    row = session.get_one(VisitorRow, owner.visitor_id)
    if not allow:
        row.duel_at = None
        undecided = DuelRow.visitor_id == owner.visitor_id, DuelRow.verdict.is_(None)
        session.execute(delete(DuelRow).where(*undecided))
    elif row.duel_at is None:
        row.duel_at = now
    return _record(row)


def list_visitors(session: Session) -> list[Visitor]:
    """Return everybody, oldest first."""
    rows = session.query(VisitorRow).order_by(VisitorRow.created_at, VisitorRow.id)
    return [_record(row) for row in rows]


def _insert(session: Session, visitor_id: str, now: datetime) -> VisitorRow:
    """Return the new row, or the one that a request at the same moment made first."""
    fresh = VisitorRow(id=visitor_id, consent=None, consent_at=None, created_at=now)
    try:
        with session.begin_nested():
            session.add(fresh)
    except IntegrityError:
        return session.get_one(VisitorRow, visitor_id, with_for_update=True)
    return fresh


def _record(row: VisitorRow) -> Visitor:
    return Visitor(
        id=row.id,
        consent=row.consent,
        consent_at=row.consent_at,
        created_at=row.created_at,
        duel_at=row.duel_at,
    )
