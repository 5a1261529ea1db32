"""What was in production when, told with what the same-day watch saw when it took one back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.tables import AdapterRow, AuditRow, DeploymentRow

WATCH_ACTION = "adapter.watch"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentTold:
    """A deployment in the history; `until`: when the next one came, None for the present one.

    tainted: it may not be served any more. watch: signal -> its figures, where the watch put this
    one back in another's place.
    """

    number: int
    adapter: str
    at: datetime
    until: datetime | None
    who: str
    why: str
    tainted: bool
    watch: Mapping[str, Mapping[str, float | None]]


def tell_deployments(session: Session) -> list[DeploymentTold]:
    """Return the whole history, newest first."""
    wanted = (
        select(DeploymentRow, AdapterRow.tainted_at)
        .join(AdapterRow, AdapterRow.id == DeploymentRow.adapter_id)
        .order_by(DeploymentRow.id.desc())
    )
    rows = session.execute(wanted).all()
    seen = _watch_figures(session)
    told = []
    until = None
    for row, tainted_at in rows:
        told.append(
            DeploymentTold(
                number=row.id,
                adapter=row.adapter_id,
                at=row.at,
                until=until,
                who=row.who,
                why=row.why,
                tainted=tainted_at is not None,
                watch=seen.get(row.at, {}),
            )
        )
        until = row.at
    return told


def _watch_figures(session: Session) -> dict[datetime, dict[str, dict[str, float | None]]]:
    """Moment of a deployment by the watch -> what it saw: both are written with one clock reading."""
    wanted = select(AuditRow).where(AuditRow.action == WATCH_ACTION)
    found = {}
    for row in session.scalars(wanted):
        signals = row.detail.get("signals")
        if isinstance(signals, Mapping):
            found[row.at] = {str(name): dict(one) for name, one in signals.items()}
    return found
