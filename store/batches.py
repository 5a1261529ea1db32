"""Queries over many ids at once."""

from collections.abc import Iterable, Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.tables import TurnRow

_IDS_PER_QUERY = 5_000  # SQLite takes at most 32,766 parameters


def batches(ids: Iterable[str]) -> Iterator[list[str]]:
    """Yield distinct ids, in order, in lists short enough for one query."""
    distinct = list(dict.fromkeys(ids))
    for start in range(0, len(distinct), _IDS_PER_QUERY):
        yield distinct[start : start + _IDS_PER_QUERY]


def existing_turns(session: Session, turn_ids: Iterable[str]) -> set[str]:
    """Return which turns exist; they then do until the transaction ends."""
    found: set[str] = set()
    for some in batches(turn_ids):
        wanted = select(TurnRow.id).where(TurnRow.id.in_(some)).order_by(TurnRow.id)
        found.update(session.scalars(wanted.with_for_update(read=True, key_share=True)))
    return found
