"""Operators: who may open the console. Only their existence matters to the chat."""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from store.tables import OperatorRow


def has_operator(session: Session) -> bool:
    """Return whether somebody with a password could log in."""
    usable = OperatorRow.disabled_at.is_(None), OperatorRow.password_hash != ""
    return bool(session.scalar(select(exists().where(*usable))))
