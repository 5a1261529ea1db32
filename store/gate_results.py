"""The checks of a night's candidate adapter."""

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from store.night_records import GateRecord, NightClaim
from store.night_tables import GateResultRow
from store.nights import check_fence


def save_gate_results(session: Session, claim: NightClaim, results: Sequence[GateRecord]) -> None:
    """Replace what the night's gates found. Raises LeaseError."""
    check_fence(session, claim)
    session.execute(delete(GateResultRow).where(GateResultRow.night_date == claim.date))
    session.add_all(
        GateResultRow(
            night_date=claim.date,
            gate=result.gate,
            passed=result.passed,
            value=result.value,
            low=result.low,
            high=result.high,
            bound=result.bound,
            detail=dict(result.detail),
        )
        for result in results
    )
    session.flush()


def list_gate_results(session: Session, night_date: str) -> list[GateRecord]:
    """Return the checks of a night in order of name."""
    wanted = select(GateResultRow).where(GateResultRow.night_date == night_date)
    return [
        GateRecord(
            gate=row.gate,
            passed=row.passed,
            value=row.value,
            low=row.low,
            high=row.high,
            bound=row.bound,
            detail=dict(row.detail),
        )
        for row in session.scalars(wanted.order_by(GateResultRow.gate))
    ]
