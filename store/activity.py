"""Whether anything was said: nights of silent days need not begin."""

from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from store.tables import TurnRow


def was_said_before(session: Session, moment: datetime) -> bool:
    """Return whether some turn that is still there is older than `moment`."""
    return bool(session.scalar(select(exists().where(TurnRow.created_at < moment))))
