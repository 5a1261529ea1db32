"""The append-only log of deeds."""

from datetime import datetime

from sqlalchemy.orm import Session

from store.tables import AuditRow


def append_audit(
    session: Session, *, actor: str, action: str, detail: dict[str, object], now: datetime
) -> None:
    """Note who did what; `detail` must hold no text and no id of a visitor."""
    session.add(AuditRow(at=now, actor=actor, action=action, detail=detail))
