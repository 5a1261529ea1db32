"""Which shown replies hold personal data, as far as somebody has looked."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from store.console_tables import ReplyFiguresRow, ReplyIndexRow
from store.reply_index import note_replies
from store.tables import ReplyRow, TurnRow


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadReply:
    """A reply that nobody has looked at, and what it answers."""

    id: str
    user_text: str
    text: str


def list_unread(session: Session, limit: int) -> list[UnreadReply]:
    """Return the newest shown replies that nobody has searched for personal data."""
    wanted = (
        select(ReplyRow.id, TurnRow.text.label("user_text"), ReplyRow.text)
        .join(ReplyIndexRow, ReplyIndexRow.reply_id == ReplyRow.id)
        .join(ReplyFiguresRow, ReplyFiguresRow.number == ReplyIndexRow.number)
        .join(TurnRow, TurnRow.id == ReplyRow.turn_id)
        .where(ReplyFiguresRow.personal.is_(None))
        .order_by(ReplyFiguresRow.number.desc())
        .limit(limit)
    )
    return [
        UnreadReply(id=row.id, user_text=row.user_text, text=row.text)
        for row in session.execute(wanted)
    ]


def mark_personal(session: Session, found: Mapping[str, bool]) -> None:
    """Store for each reply whether personal data was found; erased ones are passed over."""
    for answer in (True, False):
        ids = [reply for reply, holds in found.items() if holds is answer]
        session.execute(update(ReplyRow).where(ReplyRow.id.in_(ids)).values(personal=answer))
    note_replies(session, found)
