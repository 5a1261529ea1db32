"""Blind sheets: items with every version's reply, and what people thought of them.

Nothing of a visitor is in a sheet: its prompts come from the card's held-out data.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.console_tables import SheetItemRow, SheetRatingRow, SheetRow
from store.errors import ConflictError, NotFoundError
from store.turns import one_of
from store.visitors import new_id

SheetStatus = Literal["making", "stopped", "failed", "ready", "closed"]
STATUSES: tuple[SheetStatus, ...] = get_args(SheetStatus)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """A prompt to be answered by every version and judged on one metric."""

    metric: str
    prompt: str
    question: str
    history: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSheet:
    """What a sheet is made of; the first of `versions` is the baseline."""

    name: str
    versions: tuple[str, ...]
    metrics: tuple[str, ...]
    seed: int
    items: tuple[NewItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A sheet without its items. `made`: items that every version has answered;
    `answers`: of all versions together."""

    id: str
    name: str
    versions: tuple[str, ...]
    metrics: tuple[str, ...]
    seed: int
    status: SheetStatus
    error: str | None
    created_by: str
    created_at: datetime
    closed_at: datetime | None
    items: int
    made: int
    answers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetItem:
    """One item; `history` alternates visitor and persona. `replies` by version."""

    sheet_id: str
    number: int
    metric: str
    prompt: str
    question: str
    history: tuple[str, ...]
    facts: tuple[str, ...]
    replies: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetRating:
    """An operator's verdict on an item: ranks (1 is best, ties allowed), naturalness 1..5."""

    number: int
    operator: str
    ranks: Mapping[str, int]
    naturalness: Mapping[str, int]
    at: datetime


def create_sheet(session: Session, sheet: NewSheet, *, by: str, now: datetime) -> Sheet:
    """Store a sheet whose replies are still to be made. Raises ConflictError when it is not whole."""
    if not sheet.items:
        raise ConflictError("the sheet has no item; expected one or more")
    if len(set(sheet.versions)) != len(sheet.versions) or len(sheet.versions) < 2:
        raise ConflictError(
            f"the versions are {', '.join(sheet.versions)}; expected two or more different ones"
        )
    row = SheetRow(
        id=new_id(),
        name=sheet.name,
        versions=list(sheet.versions),
        metrics=list(sheet.metrics),
        seed=sheet.seed,
        status="making",
        error=None,
        created_by=by,
        created_at=now,
        closed_at=None,
    )
    session.add(row)
    session.flush()
    session.add_all(
        SheetItemRow(
            sheet_id=row.id,
            number=number,
            metric=item.metric,
            prompt=item.prompt,
            question=item.question,
            history=list(item.history),
            facts=list(item.facts),
            replies={},
        )
        for number, item in enumerate(sheet.items, start=1)
    )
    session.flush()
    return load_sheet(session, row.id)


def list_sheets(session: Session) -> list[Sheet]:
    """Return all, newest first."""
    rows = session.scalars(select(SheetRow).order_by(SheetRow.created_at.desc(), SheetRow.id))
    return [_sheet(session, row) for row in rows]


def load_sheet(session: Session, sheet_id: str) -> Sheet:
    """Return one. Raises NotFoundError."""
    return _sheet(session, _row(session, sheet_id))


def list_items(session: Session, sheet_id: str) -> list[SheetItem]:
    """Return the items in order. Raises NotFoundError."""
    _row(session, sheet_id)
    wanted = select(SheetItemRow).where(SheetItemRow.sheet_id == sheet_id)
    return [_item(row) for row in session.scalars(wanted.order_by(SheetItemRow.number))]


def load_item(session: Session, sheet_id: str, number: int) -> SheetItem:
    """Return one. Raises NotFoundError."""
    row = session.get(SheetItemRow, (sheet_id, number))
    if row is None:
        raise NotFoundError(f"the sheet has no item {number}")
    return _item(row)


def save_answer(session: Session, sheet_id: str, prompt: str, version: str, text: str) -> None:
    """Keep what a version answers to a prompt, in every item of it; again replaces it.

    Raises NotFoundError when the sheet has no such prompt.
    """
    wanted = select(SheetItemRow).where(
        SheetItemRow.sheet_id == sheet_id, SheetItemRow.prompt == prompt
    )
    rows = session.scalars(wanted.with_for_update()).all()
    if not rows:
        raise NotFoundError(f"the sheet has no prompt {prompt}")
    for row in rows:
        row.replies = {**row.replies, version: text}
    session.flush()


def set_status(
    session: Session,
    sheet_id: str,
    status: SheetStatus,
    *,
    among: Collection[SheetStatus],
    now: datetime,
    error: str | None = None,
) -> Sheet:
    """Change the status if it is one of `among`.

    Raises NotFoundError, ConflictError for any other, or when an unfinished sheet would be ready.
    """
    row = session.scalar(select(SheetRow).where(SheetRow.id == sheet_id).with_for_update())
    if row is None:
        raise NotFoundError("no such sheet")
    if row.status not in among:
        raise ConflictError(
            f"the sheet is {row.status}; expected {' or '.join(sorted(among))} for {status}"
        )
    sheet = _sheet(session, row)
    if status == "ready" and sheet.made < sheet.items:
        raise ConflictError(f"{sheet.items - sheet.made} items of the sheet lack replies")
    row.status, row.error = status, error
    row.closed_at = now if status == "closed" else row.closed_at
    session.flush()
    return _sheet(session, row)


def append_rating(
    session: Session, sheet_id: str, rating: SheetRating, *, now: datetime
) -> SheetRating:
    """Store a verdict; the last one of an operator on an item counts.

    Raises NotFoundError, ConflictError when the sheet is not ready or the verdict is not whole.
    """
    row = session.scalar(select(SheetRow).where(SheetRow.id == sheet_id).with_for_update(read=True))
    if row is None:
        raise NotFoundError("no such sheet")
    if row.status != "ready":
        raise ConflictError(f"the sheet is {row.status}; expected ready: it takes no ratings")
    load_item(session, sheet_id, rating.number)
    versions = set(row.versions)
    if set(rating.ranks) != versions or set(rating.naturalness) != versions:
        raise ConflictError("the rating does not name every version exactly once")
    if not all(1 <= rank <= len(versions) for rank in rating.ranks.values()):
        raise ConflictError(f"a rank is outside 1 to {len(versions)}")
    if not all(1 <= value <= 5 for value in rating.naturalness.values()):
        raise ConflictError("a naturalness is outside 1 to 5")
    stored = SheetRatingRow(
        sheet_id=sheet_id,
        number=rating.number,
        operator=rating.operator,
        ranks=dict(rating.ranks),
        naturalness=dict(rating.naturalness),
        at=now,
    )
    session.add(stored)
    session.flush()
    return _rating(stored)


def list_ratings(
    session: Session, sheet_id: str, *, operator: str | None = None
) -> list[SheetRating]:
    """Return the ratings that count, by item and operator; only one operator's on request."""
    newest = select(func.max(SheetRatingRow.id)).where(SheetRatingRow.sheet_id == sheet_id)
    if operator is not None:
        newest = newest.where(SheetRatingRow.operator == operator)
    newest = newest.group_by(SheetRatingRow.number, SheetRatingRow.operator)
    wanted = (
        select(SheetRatingRow)
        .where(SheetRatingRow.id.in_(newest))
        .order_by(SheetRatingRow.number, SheetRatingRow.operator)
    )
    return [_rating(row) for row in session.scalars(wanted)]


def interrupt_making(session: Session) -> int:
    """Mark sheets that a dead server left half made as stopped; return how many."""
    rows = session.scalars(select(SheetRow).where(SheetRow.status == "making")).all()
    for row in rows:
        row.status = "stopped"
    session.flush()
    return len(rows)


def missing_answers(sheet: Sheet, items: Sequence[SheetItem]) -> list[tuple[str, SheetItem]]:
    """Return (version, item) once per prompt that a version has not answered, version by version."""
    first: dict[str, SheetItem] = {}
    for item in items:
        first.setdefault(item.prompt, item)
    return [
        (version, item)
        for version in sheet.versions
        for item in first.values()
        if version not in item.replies
    ]


def _row(session: Session, sheet_id: str) -> SheetRow:
    row = session.get(SheetRow, sheet_id)
    if row is None:
        raise NotFoundError("no such sheet")
    return row


def _sheet(session: Session, row: SheetRow) -> Sheet:
    mine = SheetItemRow.sheet_id == row.id
    replies = session.scalars(select(SheetItemRow.replies).where(mine)).all()
    made = [set(row.versions) <= set(one) for one in replies]
    return Sheet(
        id=row.id,
        name=row.name,
        versions=tuple(row.versions),
        metrics=tuple(row.metrics),
        seed=row.seed,
        status=one_of(row.status, STATUSES),
        error=row.error,
        created_by=row.created_by,
        created_at=row.created_at,
        closed_at=row.closed_at,
        items=len(made),
        made=sum(made),
        answers=sum(len(one) for one in replies),
    )


def _item(row: SheetItemRow) -> SheetItem:
    return SheetItem(
        sheet_id=row.sheet_id,
        number=row.number,
        metric=row.metric,
        prompt=row.prompt,
        question=row.question,
        history=tuple(row.history),
        facts=tuple(row.facts),
        replies=dict(row.replies),
    )


def _rating(row: SheetRatingRow) -> SheetRating:
    return SheetRating(
        number=row.number,
        operator=row.operator,
        ranks=dict(row.ranks),
        naturalness=dict(row.naturalness),
        at=row.at,
    )
