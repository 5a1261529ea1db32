"""The pairs of a night as operators read them: found by a filter, counted, with their history."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from store.batches import batches
from store.night_records import PairStatus, StoredPair
from store.night_tables import PairRow, ReviewRow
from store.pairs import PAIR_STATUSES, pair_record


@dataclass(frozen=True, slots=True, kw_only=True)
class PairFilter:
    """Which pairs are meant; None leaves a condition out.

    margin_above: at least so many points of reward lie between the options; a pair without a margin
    is then left out.
    """

    night: str | None = None
    status: PairStatus | None = None
    source: str | None = None
    margin_above: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxPage:
    """A page of the pairs that a filter finds, and how many it finds in all."""

    pairs: tuple[StoredPair, ...]
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxNight:
    """A night that has pairs: how many, and how many of them nobody has decided."""

    date: str
    pairs: int
    undecided: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PairDeed:
    """A line in the history of a pair.

    kind: pair, edit or note. text: the verdict, or the new text of an edit. taken_back: undone
    later. takes_back: it is itself an undoing. bulk: it was given to all that a filter found.
    """

    operator: str
    kind: str
    text: str | None
    note: str | None
    at: datetime
    taken_back: bool
    takes_back: bool
    bulk: bool


def list_inbox(session: Session, wanted: PairFilter, *, offset: int, limit: int) -> InboxPage:
    """Return the pairs from `offset` on, the most disputed first."""
    found = select_pairs(wanted).order_by(PairRow.disagreement.desc(), PairRow.id)
    rows = session.scalars(found.offset(offset).limit(limit))
    total = session.scalar(select(func.count()).select_from(PairRow).where(*_conditions(wanted)))
    return InboxPage(pairs=tuple(pair_record(row) for row in rows), total=total or 0)


def select_pairs(wanted: PairFilter) -> Select[PairRow]:
    """Return the query of a filter."""
    return select(PairRow).where(*_conditions(wanted))


def count_statuses(session: Session, night: str | None) -> dict[PairStatus, int]:
    """Return how many pairs of a night, of all without one, have each status; 0 is told too."""
    wanted = select(PairRow.status, func.count()).group_by(PairRow.status)
    if night is not None:
        wanted = wanted.where(PairRow.night_date == night)
    found = dict(session.execute(wanted).all())
    return {status: found.get(status, 0) for status in PAIR_STATUSES}


def count_sources(session: Session, night: str | None) -> dict[str, int]:
    """Return how many pairs of a night, of all without one, came from where."""
    wanted = select(PairRow.source, func.count()).group_by(PairRow.source).order_by(PairRow.source)
    if night is not None:
        wanted = wanted.where(PairRow.night_date == night)
    return dict(session.execute(wanted).all())


def list_inbox_nights(session: Session) -> list[InboxNight]:
    """Return the nights that have pairs, newest first."""
    undecided = func.count().filter(PairRow.status == "proposed")
    wanted = (
        select(PairRow.night_date, func.count(), undecided)
        .group_by(PairRow.night_date)
        .order_by(PairRow.night_date.desc())
    )
    return [
        InboxNight(date=date, pairs=pairs, undecided=left)
        for date, pairs, left in session.execute(wanted)
    ]


def pair_histories(session: Session, pair_ids: Iterable[str]) -> dict[str, list[PairDeed]]:
    """Return what operators did to each pair, oldest first; untouched ones are missing."""
    found: dict[str, list[PairDeed]] = {}
    for some in batches(pair_ids):
        wanted = select(ReviewRow).where(ReviewRow.pair_id.in_(some)).order_by(ReviewRow.id)
        rows = list(session.scalars(wanted))
        undone = {row.target_id for row in rows if row.target_id is not None}
        for row in rows:
            deed = PairDeed(
                operator=row.operator,
                kind=row.kind,
                text=row.text,
                note=row.note,
                at=row.at,
                taken_back=row.id in undone,
                takes_back=row.target_id is not None,
                bulk=row.bulk_id is not None,
            )
            found.setdefault(str(row.pair_id), []).append(deed)
    return found


def _conditions(wanted: PairFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.night is not None:
        conditions.append(PairRow.night_date == wanted.night)
    if wanted.status is not None:
        conditions.append(PairRow.status == wanted.status)
    if wanted.source is not None:
        conditions.append(PairRow.source == wanted.source)
    if wanted.margin_above is not None:
        conditions.append(PairRow.margin >= wanted.margin_above)
    return conditions
