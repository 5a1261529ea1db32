"""Conversations of one visitor: list, search, make, name, pin, delete."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session

from store.errors import NotFoundError
from store.japanese_search import fold, like_pattern, snippet
from store.records import Conversation, ConversationSummary
from store.tables import ConversationRow, ReplyRow, TurnRow
from store.visitors import Owner, new_id

TITLE_CHARACTERS = 60
_AUTOMATIC_TITLE_CHARACTERS = 24


def list_conversations(session: Session, owner: Owner) -> list[ConversationSummary]:
    """Return conversations that have begun, the last used first."""
    rows = session.scalars(_begun(owner))
    return [_summary(row, None) for row in rows]


def search_conversations(session: Session, owner: Owner, query: str) -> list[ConversationSummary]:
    """Return conversations whose title, user text or shown reply holds `query`, last used first.

    Width, case and kana script are ignored; one character is enough. The snippet surrounds the
    first hit, or is None when only the title matched.
    """
    if not fold(query).strip():
        return list_conversations(session, owner)
    pattern = like_pattern(query)
    hits = _hits(session, owner, pattern)
    title_hit = ConversationRow.title_folded.like(pattern, escape="\\")
    chosen = _begun(owner).where(or_(ConversationRow.id.in_(hits), title_hit))
    found = []
    for row in session.scalars(chosen):
        texts = hits.get(row.id, [])
        around = next((hit for text in texts if (hit := snippet(text, query))), None)
        found.append(_summary(row, around))
    return found


def count_conversations(session: Session, owner: Owner) -> int:
    """Return how many a visitor has, begun or not."""
    wanted = select(func.count()).select_from(ConversationRow).where(*_alive(owner))
    return session.scalar(wanted) or 0


def create_conversation(
    session: Session, owner: Owner, *, persona: str, now: datetime
) -> Conversation:
    """Return a new, untitled conversation; the visitor row must exist."""
    row = ConversationRow(
        id=new_id(),
        visitor_id=owner.visitor_id,
        persona=persona,
        title="",
        title_folded="",
        adapter_id=None,
        pinned_at=None,
        created_at=now,
        updated_at=now,
        deleted_at=None,
    )
    session.add(row)
    session.flush()
    return conversation_record(row)


def load_conversation(session: Session, owner: Owner, conversation_id: str) -> Conversation:
    """Return one conversation of the owner. Raises NotFoundError."""
    return conversation_record(get_conversation_row(session, owner, conversation_id))


def rename_conversation(
    session: Session, owner: Owner, conversation_id: str, title: str
) -> Conversation:
    """Give it a title, cut to TITLE_CHARACTERS. Raises NotFoundError."""
    row = get_conversation_row(session, owner, conversation_id, lock=True)
    set_title(row, title)
    return conversation_record(row)


def pin_adapter(
    session: Session,
    row: ConversationRow,
    *,
    active: str | None,
    idle: timedelta,
    now: datetime,
) -> str | None:
    """Return the adapter that answers now: the pinned one, or `active` after `idle` of silence."""
    last_used = session.scalar(
        select(func.max(TurnRow.created_at)).where(TurnRow.conversation_id == row.id)
    )
    fresh = last_used is not None and row.pinned_at is not None and now - last_used < idle
    if not fresh:
        row.adapter_id, row.pinned_at = active, now
    return row.adapter_id


def move_pins(
    session: Session, adapter_ids: Collection[str], to: str | None, *, now: datetime
) -> int:
    """Pin to `to` the conversations that are pinned to one of the adapters; return how many."""
    pinned = select(ConversationRow.id).where(ConversationRow.adapter_id.in_(adapter_ids))
    found = session.scalars(pinned).all()
    if found:
        changes = update(ConversationRow).where(ConversationRow.adapter_id.in_(adapter_ids))
        session.execute(changes.values(adapter_id=to, pinned_at=now))
    return len(found)


def is_pinned(session: Session, adapter_id: str) -> bool:
    """Return whether a conversation would go on with the adapter at its next turn."""
    wanted = select(exists().where(ConversationRow.adapter_id == adapter_id))
    return bool(session.scalar(wanted))


def mark_deleted(session: Session, owner: Owner, conversation_id: str, *, now: datetime) -> None:
    """Hide it at once; `erase.purge_deleted` removes it. Raises NotFoundError."""
    get_conversation_row(session, owner, conversation_id, lock=True).deleted_at = now


def get_conversation_row(
    session: Session, owner: Owner, conversation_id: str, *, lock: bool = False
) -> ConversationRow:
    """Return the row, locked against concurrent writers on request. Raises NotFoundError."""
    wanted = select(ConversationRow).where(ConversationRow.id == conversation_id, *_alive(owner))
    row = session.scalar(wanted.with_for_update() if lock else wanted)
    if row is None:
        raise NotFoundError("no such conversation")
    return row


def set_title(row: ConversationRow, title: str) -> None:
    """Set a title in one line together with its searchable form."""
    row.title = " ".join(title.split())[:TITLE_CHARACTERS]
    row.title_folded = fold(row.title)


def set_automatic_title(row: ConversationRow, first_text: str) -> None:
    """Name an untitled conversation after its first words."""
    if not row.title:
        set_title(row, _automatic_title(first_text))


def forget_automatic_title(row: ConversationRow, first_text: str) -> None:
    """Leave a conversation untitled if nobody named it but its first words, now withdrawn."""
    if row.title == _automatic_title(first_text):
        set_title(row, "")


def conversation_record(row: ConversationRow) -> Conversation:
    """Return the row as a record."""
    return Conversation(
        id=row.id,
        visitor_id=row.visitor_id,
        persona=row.persona,
        title=row.title,
        adapter=row.adapter_id,
        pinned_at=row.pinned_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _automatic_title(first_text: str) -> str:
    line = " ".join(first_text.split())
    cut = len(line) > _AUTOMATIC_TITLE_CHARACTERS
    return line[:_AUTOMATIC_TITLE_CHARACTERS] + ("…" if cut else "")


def _hits(session: Session, owner: Owner, pattern: str) -> dict[str, list[str]]:
    """Return the matching texts per conversation, in order of the talk."""
    shown = and_(ReplyRow.turn_id == TurnRow.id, ReplyRow.variant == TurnRow.shown)
    in_user_text = TurnRow.text_folded.like(pattern, escape="\\")
    in_reply = ReplyRow.text_folded.like(pattern, escape="\\")
    wanted = (
        select(TurnRow.conversation_id, TurnRow.text, ReplyRow.text)
        .join(ConversationRow, TurnRow.conversation_id == ConversationRow.id)
        .outerjoin(ReplyRow, shown)
        .where(*_alive(owner), TurnRow.superseded_at.is_(None), or_(in_user_text, in_reply))
        .order_by(TurnRow.position)
    )
    hits: dict[str, list[str]] = {}
    for conversation_id, user_text, reply_text in session.execute(wanted):
        hits.setdefault(conversation_id, []).extend([user_text, reply_text or ""])
    return hits


def _alive(owner: Owner) -> tuple[ColumnElement[bool], ...]:
    return (
        ConversationRow.visitor_id == owner.visitor_id,
        ConversationRow.deleted_at.is_(None),
    )


def _begun(owner: Owner) -> Select[ConversationRow]:
    has_turns = exists().where(TurnRow.conversation_id == ConversationRow.id)
    newest_first = (ConversationRow.updated_at.desc(), ConversationRow.id)
    return select(ConversationRow).where(*_alive(owner), has_turns).order_by(*newest_first)


def _summary(row: ConversationRow, around: str | None) -> ConversationSummary:
    return ConversationSummary(
        id=row.id,
        title=row.title,
        adapter=row.adapter_id,
        updated_at=row.updated_at,
        snippet=around,
    )
