"""Queries over many ids at once."""

from collections.abc import Iterable, Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.tables import ConversationRow, TurnRow, VisitorRow

_IDS_PER_QUERY = 5_000  # SQLite takes at most 32,766 parameters


def batches(ids: Iterable[str]) -> Iterator[list[str]]:
    """Yield distinct ids, in order, in lists short enough for one query."""
    distinct = list(dict.fromkeys(ids))
    for start in range(0, len(distinct), _IDS_PER_QUERY):
        yield distinct[start : start + _IDS_PER_QUERY]


def existing_turns(session: Session, turn_ids: Iterable[str]) -> set[str]:
    """Return which turns exist; they and their visitors then do until the transaction ends."""
    found: set[str] = set()
    for some in batches(turn_ids):
        theirs = (
            select(ConversationRow.visitor_id)
            .join(TurnRow, TurnRow.conversation_id == ConversationRow.id)
            .where(TurnRow.id.in_(some))
        )
        visitors = select(VisitorRow.id).where(VisitorRow.id.in_(theirs)).order_by(VisitorRow.id)
        # Visitors first, as an erasure does: transactions that lock in one order never wait for
        # each other in a circle.
        session.scalars(visitors.with_for_update(read=True, key_share=True)).all()
        wanted = select(TurnRow.id).where(TurnRow.id.in_(some)).order_by(TurnRow.id)
        found.update(session.scalars(wanted.with_for_update(read=True, key_share=True)))
    return found
