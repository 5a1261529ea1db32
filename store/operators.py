"""Operators: who may open the console. Only their existence matters to the chat."""

from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from store.errors import NotFoundError
from store.tables import OperatorRow


def has_operator(session: Session) -> bool:
    """Return whether somebody with a password could log in."""
    usable = OperatorRow.disabled_at.is_(None), OperatorRow.password_hash != ""
    return bool(session.scalar(select(exists().where(*usable))))


def add_operator(session: Session, name: str, password_hash: str, *, now: datetime) -> None:
    """Add an operator, or give a known one a new password and let them in again."""
    row = session.get(OperatorRow, name)
    if row is None:
        row = OperatorRow(name=name, created_at=now, disabled_at=None)
        session.add(row)
    row.password_hash = password_hash
    row.disabled_at = None
    session.flush()


def disable_operator(session: Session, name: str, *, now: datetime) -> None:
    """Lock an operator out. Raises NotFoundError."""
    row = session.get(OperatorRow, name)
    if row is None:
        raise NotFoundError(f"no operator is called {name}; expected one that was added before")
    row.disabled_at = now
    session.flush()
