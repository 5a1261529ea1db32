"""Conflicts as operators read them: with the talk before, the reply, and what took its place."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.learning import visible_turns
from store.night_records import Line, StoredConflict
from store.night_tables import ConflictRow
from store.pair_queue import conflict_record
from store.records import MOVING
from store.tables import ConversationRow, ReplyRow, TurnRow

_BEFORE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictView:
    """A conflict in its conversation.

    turns: what was visible before, oldest first, then what the visitor said. shown: the variant on
    screen where it is another one. thumb_reason: the visitor's own words beside a thumb.
    """

    conflict: StoredConflict
    turns: tuple[Line, ...]
    reply: str
    shown: str | None
    thumb_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictPage:
    """A page of conflicts, and how many there are in all."""

    conflicts: tuple[ConflictView, ...]
    total: int


def list_conflict_views(
    session: Session, *, unresolved: bool, offset: int, limit: int
) -> ConflictPage:
    """Return conflicts, the newest first, open ones or those resolved already.

    Those of deleted conversations are left out.
    """
    conditions = (
        ConversationRow.deleted_at.is_(None),
        ConflictRow.resolved_at.is_(None) if unresolved else ConflictRow.resolved_at.is_not(None),
    )
    wanted = (
        select(ConflictRow, TurnRow.conversation_id, TurnRow.position)
        .join(TurnRow, TurnRow.id == ConflictRow.turn_id)
        .join(ConversationRow, ConversationRow.id == TurnRow.conversation_id)
        .where(*conditions)
    )
    newest = wanted.order_by(ConflictRow.created_at.desc(), ConflictRow.id)
    found = session.execute(newest.offset(offset).limit(limit)).all()
    talks = visible_turns(session, [conversation for _, conversation, _ in found])
    views = tuple(
        _view(session, row, talks.get(conversation, []), position)
        for row, conversation, position in found
    )
    total = session.scalar(select(func.count()).select_from(wanted.subquery()))
    return ConflictPage(conflicts=views, total=total or 0)


def _view(session: Session, row: ConflictRow, talk: list[TurnRow], position: int) -> ConflictView:
    reply = session.get_one(ReplyRow, row.reply_id)
    turn = session.get_one(TurnRow, row.turn_id)
    before = [one for one in talk if one.position < position][-_BEFORE:]
    turns: list[Line] = []
    for one in before:
        turns.append(("user", one.text))
        answer = _on_screen(one)
        if answer is not None:
            turns.append(("assistant", answer.text))
    shown = _on_screen(turn)
    return ConflictView(
        conflict=conflict_record(row),
        turns=(*turns, ("user", turn.text)),
        reply=reply.text,
        shown=None if shown is None or shown.id == reply.id else shown.text,
        thumb_reason=None if reply.feedback is None else reply.feedback.reason,
    )


def _on_screen(turn: TurnRow) -> ReplyRow | None:
    shown = next((reply for reply in turn.replies if reply.variant == turn.shown), None)
    return None if shown is None or shown.status in MOVING else shown
