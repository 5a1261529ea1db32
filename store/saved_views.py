"""Filters that operators gave a name; each sees their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.audit import append_audit
from store.console_tables import SavedViewRow
from store.errors import ConflictError, NotFoundError
from store.visitors import new_id

MOST_VIEWS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedView:
    """`query`: what the screen of that name was narrowed to."""

    id: str
    screen: str
    name: str
    query: Mapping[str, object]
    created_at: datetime


def list_views(session: Session, operator: str, screen: str | None = None) -> list[SavedView]:
    """Return the operator's views of a screen or of all, by name."""
    wanted = select(SavedViewRow).where(SavedViewRow.operator == operator)
    if screen is not None:
        wanted = wanted.where(SavedViewRow.screen == screen)
    rows = session.scalars(wanted.order_by(SavedViewRow.screen, SavedViewRow.name))
    return [_record(row) for row in rows]


def save_view(
    session: Session,
    operator: str,
    name: str,
    *,
    screen: str,
    query: Mapping[str, object],
    now: datetime,
) -> SavedView:
    """Store a view, in place of the one of that name. Raises ConflictError when there are too many.

    Queries may hold words that visitors said; the audit log gets the name of the screen only.
    """
    row = session.scalar(
        select(SavedViewRow).where(
            SavedViewRow.operator == operator,
            SavedViewRow.screen == screen,
            SavedViewRow.name == name,
        )
    )
    if row is None:
        if len(list_views(session, operator)) >= MOST_VIEWS:
            raise ConflictError(f"{operator} has {MOST_VIEWS} views; delete one of them first")
        row = SavedViewRow(id=new_id(), operator=operator, screen=screen, name=name)
        session.add(row)
    row.query, row.created_at = dict(query), now
    _audit(session, operator, "view.save", row, now)
    session.flush()
    return _record(row)


def delete_view(session: Session, operator: str, view_id: str, *, now: datetime) -> None:
    """Remove a view of the operator's own. Raises NotFoundError."""
    row = session.get(SavedViewRow, view_id)
    if row is None or row.operator != operator:
        raise NotFoundError("no such view")
    _audit(session, operator, "view.delete", row, now)
    session.delete(row)


def _audit(session: Session, operator: str, action: str, row: SavedViewRow, now: datetime) -> None:
    detail: dict[str, object] = {"screen": row.screen, "view": row.id}
    append_audit(session, actor=operator, action=action, detail=detail, now=now)


def _record(row: SavedViewRow) -> SavedView:
    return SavedView(
        id=row.id,
        screen=row.screen,
        name=row.name,
        query=dict(row.query),
        created_at=row.created_at,
    )
