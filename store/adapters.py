"""Adapters on disk and the append-only history of what was in production when."""

from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from store.errors import ConflictError, NotFoundError
from store.lineage import clean_fallback
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
    """Put an adapter into production from the next new conversation on.

    Raises NotFoundError, ConflictError for one that learnt from somebody who was erased.
    """
    wanted = select(AdapterRow).where(AdapterRow.id == adapter_id)
    # Locked, so that an erasure cannot taint it between this look and the commit.
    row = session.scalar(
        wanted.with_for_update(read=True).execution_options(populate_existing=True)
    )
    if row is None:
        raise NotFoundError(f"no adapter has the id {adapter_id}; see yogeiko adapter list")
    if row.tainted_at is not None:
        raise ConflictError(
            f"adapter {adapter_id} may not be served: {row.taint_reason}; choose another one, "
            "see yogeiko adapter list"
        )
    session.add(DeploymentRow(adapter_id=adapter_id, at=now, who=who, why=why))
    session.flush()


def active_adapter(session: Session) -> str | None:
    """Return the id in production, never a tainted one; None means the bare base model."""
    newest = (
        select(DeploymentRow.adapter_id, AdapterRow.tainted_at)
        .join(AdapterRow, DeploymentRow.adapter_id == AdapterRow.id)
        .order_by(DeploymentRow.id.desc())
        .limit(1)
    )
    found = session.execute(newest).one_or_none()
    if found is None:
        return None
    return found.adapter_id if found.tainted_at is None else clean_fallback(session)


def hold_production(session: Session) -> str | None:
    """As `active_adapter`, and nobody else can change it until the transaction ends."""
    # SQLite has one writer at a time anyway.
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE deployments IN SHARE ROW EXCLUSIVE MODE"))
    return active_adapter(session)


def list_deployments(session: Session, *, with_tainted: bool = False) -> list[Deployment]:
    """Return the history, newest first; tainted adapters only on request: never serve them."""
    wanted = (
        select(DeploymentRow)
        .join(AdapterRow, DeploymentRow.adapter_id == AdapterRow.id)
        .order_by(DeploymentRow.id.desc())
    )
    if not with_tainted:
        wanted = wanted.where(AdapterRow.tainted_at.is_(None))
    return [
        Deployment(adapter=row.adapter_id, at=row.at, who=row.who, why=row.why)
        for row in session.scalars(wanted)
    ]


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
        tainted_at=row.tainted_at,
        taint_reason=row.taint_reason,
    )
