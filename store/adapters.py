"""Adapters on disk and the append-only history of what was in production when."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.errors import ConflictError, NotFoundError
from store.records import Adapter, Deployment
from store.tables import AdapterRow, DeploymentRow


def ensure_adapter(session: Session, adapter: Adapter) -> None:
    """Register an adapter; again is harmless, its folder may have moved.

    Raises ConflictError when the id is taken by other weights.
    """
    row = session.get(AdapterRow, adapter.id)
    if row is None:
        row = AdapterRow(
            id=adapter.id,
            parent_id=adapter.parent_id,
            kind=adapter.kind,
            base=adapter.base,
            sha256=adapter.sha256,
            folder=adapter.folder,
            manifest=adapter.manifest,
            created_at=adapter.created_at,
        )
        session.add(row)
    elif row.sha256 != adapter.sha256:
        raise ConflictError(
            f"adapter {adapter.id} is registered with sha256 {row.sha256[:12]}…, "
            f"not {adapter.sha256[:12]}…; publish changed weights under a new id"
        )
    row.folder = adapter.folder
    session.flush()


def list_adapters(session: Session) -> list[Adapter]:
    """Return all, oldest first."""
    rows = session.scalars(select(AdapterRow).order_by(AdapterRow.created_at, AdapterRow.id))
    return [_record(row) for row in rows]


def load_adapter(session: Session, adapter_id: str) -> Adapter:
    """Return one. Raises NotFoundError."""
    row = session.get(AdapterRow, adapter_id)
    if row is None:
        raise NotFoundError(f"no adapter has the id {adapter_id}; see yogeiko adapter list")
    return _record(row)


def deploy(session: Session, adapter_id: str, *, who: str, why: str, now: datetime) -> None:
    """Put an adapter into production from the next new conversation on. Raises NotFoundError."""
    load_adapter(session, adapter_id)
    session.add(DeploymentRow(adapter_id=adapter_id, at=now, who=who, why=why))
    session.flush()


def active_adapter(session: Session) -> str | None:
    """Return the id in production; None means the bare base model."""
    newest = select(DeploymentRow.adapter_id).order_by(DeploymentRow.id.desc()).limit(1)
    return session.scalar(newest)


def list_deployments(session: Session) -> list[Deployment]:
    """Return the history, newest first."""
    rows = session.scalars(select(DeploymentRow).order_by(DeploymentRow.id.desc()))
    return [Deployment(adapter=row.adapter_id, at=row.at, who=row.who, why=row.why) for row in rows]


def _record(row: AdapterRow) -> Adapter:
    return Adapter(
        id=row.id,
        parent_id=row.parent_id,
        kind=row.kind,
        base=row.base,
        sha256=row.sha256,
        folder=row.folder,
        manifest=row.manifest,
        created_at=row.created_at,
    )
