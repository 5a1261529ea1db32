"""What waits for operators and what alarmed in the last day, from counts that stay cheap."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.console_tables import FactProposalRow
from store.deployment_history import WATCH_ACTION
from store.night_tables import ConflictRow, NightRow, NightStepRow, PairRow
from store.tables import AdapterRow, AuditRow, DeploymentRow, SafetyEventRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What operators may decide now. asked_at: when the oldest waiting night asked, None: none
    waits."""

    pairs: int
    asked_at: datetime | None
    conflicts: int
    proposals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """What happened since a moment. safety: category -> events; safety_before: all events in as
    long a time before it. taken_back: adapters that the watch replaced; tainted: those that may
    not be served any more."""

    safety: Mapping[str, int]
    safety_before: int
    taken_back: int
    tainted: int


def count_waiting(session: Session) -> Waiting:
    """Count undecided pairs of nights that wait, open conflicts and proposed facts."""
    waiting = select(NightRow.date).where(NightRow.status == "waiting")
    pairs = select(func.count()).where(
        PairRow.night_date.in_(waiting), PairRow.status == "proposed"
    )
    asked = select(func.min(NightStepRow.started_at)).where(
        NightStepRow.night_date.in_(waiting), NightStepRow.step == "inbox"
    )
    conflicts = select(func.count()).where(ConflictRow.resolved_at.is_(None))
    proposals = select(func.count()).where(FactProposalRow.decided_at.is_(None))
    return Waiting(
        pairs=session.scalar(pairs) or 0,
        asked_at=session.scalar(asked),
        conflicts=session.scalar(conflicts) or 0,
        proposals=session.scalar(proposals) or 0,
    )


def count_alarms(session: Session, since: datetime, now: datetime) -> Alarms:
    """Count what alarmed in [since, now)."""
    at = SafetyEventRow.at
    inside = select(SafetyEventRow.category, func.count()).where(at >= since, at < now)
    before = select(func.count()).where(at >= since - (now - since), at < since)
    watch = select(func.count()).where(AuditRow.action == WATCH_ACTION, AuditRow.at >= since)
    tainted = select(func.count()).where(AdapterRow.tainted_at >= since)
    grouped = inside.group_by(SafetyEventRow.category).order_by(func.count().desc())
    return Alarms(
        safety=dict(session.execute(grouped).all()),
        safety_before=session.scalar(before) or 0,
        taken_back=session.scalar(watch) or 0,
        tainted=session.scalar(tainted) or 0,
    )


def in_production_since(session: Session, adapter: str) -> datetime | None:
    """Return when the adapter in production was last put there; None when it never was."""
    wanted = select(func.max(DeploymentRow.at)).where(DeploymentRow.adapter_id == adapter)
    return session.scalar(wanted)
