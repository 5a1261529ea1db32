"""The calendar of nights: one line per date with what it read, proposed, trained and checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Integer, cast, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from store.night_records import NightStatus
from store.night_tables import (
    GateResultRow,
    NightRow,
    NightTrainingRow,
    NightTurnRow,
    PairRow,
)
from store.nights import NIGHT_STATUSES
from store.turns import one_of


@dataclass(frozen=True, slots=True, kw_only=True)
class NightDay:
    """A night in short. turns: read; pairs: proposed; trained: pairs of all nights it trained on;
    gates, failed_gates: how many checks, and how many of them it did not pass."""

    date: str
    status: NightStatus
    decision: str | None
    adapter: str | None
    started_at: datetime
    finished_at: datetime | None
    turns: int
    pairs: int
    trained: int
    gates: int
    failed_gates: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NightSpan:
    """The dates of the first and the last night."""

    first: str
    last: str


def night_span(session: Session) -> NightSpan | None:
    """Return from when to when there were nights; None while there was none."""
    wanted = select(func.min(NightRow.date), func.max(NightRow.date))
    first, last = session.execute(wanted.where(NightRow.status.in_(NIGHT_STATUSES))).one()
    return None if first is None else NightSpan(first=first, last=last)


def list_night_days(session: Session, first: str, last: str) -> list[NightDay]:
    """Return the nights of the dates `first` to `last` (YYYY-MM-DD, both inclusive), oldest first."""
    wanted = select(NightRow).where(
        NightRow.date.between(first, last), NightRow.status.in_(NIGHT_STATUSES)
    )
    turns = _by_date(session, NightTurnRow.night_date, first, last)
    pairs = _by_date(session, PairRow.night_date, first, last)
    trained = _by_date(session, NightTrainingRow.night_date, first, last)
    gates = _gates_by_date(session, first, last)
    return [
        NightDay(
            date=row.date,
            status=one_of(row.status, NIGHT_STATUSES),
            decision=row.decision,
            adapter=row.adapter_id,
            started_at=row.started_at,
            finished_at=row.finished_at,
            turns=turns.get(row.date, 0),
            pairs=pairs.get(row.date, 0),
            trained=trained.get(row.date, 0),
            gates=gates.get(row.date, (0, 0))[0],
            failed_gates=gates.get(row.date, (0, 0))[1],
        )
        for row in session.scalars(wanted.order_by(NightRow.date))
    ]


def nights_of_adapters(session: Session) -> dict[str, str]:
    """Return which night made an adapter: adapter -> date."""
    wanted = select(NightRow.adapter_id, NightRow.date).where(NightRow.adapter_id.is_not(None))
    return {str(row.adapter_id): row.date for row in session.execute(wanted)}


def _by_date(
    session: Session, column: InstrumentedAttribute[str], first: str, last: str
) -> Mapping[str, int]:
    wanted = select(column, func.count()).where(column.between(first, last)).group_by(column)
    return dict(session.execute(wanted).all())


def _gates_by_date(session: Session, first: str, last: str) -> Mapping[str, tuple[int, int]]:
    """Date -> (checks, those passed not)."""
    passed = func.sum(cast(GateResultRow.passed, Integer))
    wanted = (
        select(GateResultRow.night_date, func.count(), passed)
        .where(GateResultRow.night_date.between(first, last))
        .group_by(GateResultRow.night_date)
    )
    return {date: (count, count - good) for date, count, good in session.execute(wanted)}
