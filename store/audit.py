"""The append-only log of deeds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.tables import AuditRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Who did what, when."""

    id: int
    at: datetime
    actor: str
    action: str
    detail: Mapping[str, object]


def append_audit(
    session: Session, *, actor: str, action: str, detail: dict[str, object], now: datetime
) -> None:
    """Note who did what; `detail` must hold no text and no id of a visitor."""
    session.add(AuditRow(at=now, actor=actor, action=action, detail=detail))


def list_audit(
    session: Session, *, before: int | None = None, actor: str | None = None, limit: int = 100
) -> list[Deed]:
    """Return the newest `limit` deeds, newest first; `before`: only those of a lower id."""
    wanted = select(AuditRow).order_by(AuditRow.id.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(AuditRow.id < before)
    if actor is not None:
        wanted = wanted.where(AuditRow.actor == actor)
    return [
        Deed(id=row.id, at=row.at, actor=row.actor, action=row.action, detail=dict(row.detail))
        for row in session.scalars(wanted)
    ]
