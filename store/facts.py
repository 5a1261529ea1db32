"""Facts that operators add beside those of the card."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.errors import ConflictError, NotFoundError
from store.records import Fact
from store.tables import FactRow
from store.visitors import new_id


def list_facts(session: Session, persona: str) -> list[Fact]:
    """Return the added facts of a persona, oldest first."""
    wanted = select(FactRow).where(FactRow.persona == persona)
    rows = session.scalars(wanted.order_by(FactRow.created_at, FactRow.id))
    return [_record(row) for row in rows]


def add_fact(session: Session, persona: str, text: str, *, by: str, now: datetime) -> Fact:
    """Add one sentence. Raises ConflictError when it is empty or already there."""
    sentence = " ".join(text.split())
    if not sentence:
        raise ConflictError("the fact is empty; expected one sentence")
    same = select(FactRow).where(FactRow.persona == persona, FactRow.text == sentence)
    if session.scalar(same) is not None:
        raise ConflictError(f"the fact {sentence!r} is already there")
    row = FactRow(id=new_id(), persona=persona, text=sentence, added_by=by, created_at=now)
    session.add(row)
    session.flush()
    return _record(row)


def remove_fact(session: Session, fact_id: str) -> None:
    """Remove it. Raises NotFoundError."""
    row = session.get(FactRow, fact_id)
    if row is None:
        raise NotFoundError(f"no fact has the id {fact_id}")
    session.delete(row)


def _record(row: FactRow) -> Fact:
    return Fact(
        id=row.id,
        persona=row.persona,
        text=row.text,
        added_by=row.added_by,
        created_at=row.created_at,
    )
