"""The life of a reply while it is generated; used by the one who generates, not by visitors."""

from datetime import datetime

from sqlalchemy import Update, select, update
from sqlalchemy.orm import Session

from store.japanese_search import fold
from store.records import MOVING, Prompted, Reply, ReplyEnd, SafetyCatch
from store.tables import ReplyRow, SafetyEventRow
from store.turns import reply_record
from store.visitors import new_id

INTERRUPTED = "interrupted"


def begin_reply(
    session: Session,
    reply_id: str,
    *,
    facts: tuple[str, ...],
    adapter: str | None,
    prompted: Prompted | None = None,
) -> bool:
    """Store what the reply will be made of. False when it was erased or has ended."""
    changes = update(ReplyRow).values(facts=list(facts), adapter_id=adapter)
    if prompted is not None:
        changes = changes.values(
            context=list(prompted.context),
            base_digest=prompted.base,
            prompt_digest=prompted.prompt,
        )
    return _touch(session, changes.where(ReplyRow.id == reply_id, ReplyRow.status.in_(MOVING)))


def grow_reply(session: Session, reply_id: str, text: str) -> bool:
    """Store the whole text so far. False when it was erased or has ended."""
    changes = update(ReplyRow).values(status="streaming", text=text, text_folded=fold(text))
    return _touch(session, changes.where(ReplyRow.id == reply_id, ReplyRow.status.in_(MOVING)))


def finish_reply(session: Session, reply_id: str, end: ReplyEnd, *, now: datetime) -> Reply | None:
    """Store the end of a reply and what the safety filter caught.

    Returns None, changing nothing, when the reply was erased or has ended already.
    """
    wanted = select(ReplyRow).where(ReplyRow.id == reply_id, ReplyRow.status.in_(MOVING))
    row = session.scalar(wanted.with_for_update())
    if row is None:
        return None
    row.status, row.text, row.text_folded = end.status, end.text, fold(end.text)
    row.error, row.timings, row.finished_at = end.error, end.timings or {}, now
    row.turn.conversation.updated_at = now
    if end.caught is not None:
        _record_catch(session, row, end.caught, now=now)
    session.flush()
    return reply_record(row)


def finish_interrupted(session: Session, *, now: datetime) -> int:
    """End the replies that a dead process left unfinished; return how many.

    What had been shown is kept and counts as stopped; a reply without text counts as failed.
    Call it only while no process generates for this database.
    """
    rows = session.scalars(select(ReplyRow).where(ReplyRow.status.in_(MOVING))).all()
    for row in rows:
        row.status = "stopped" if row.text else "failed"
        row.error = INTERRUPTED
        row.finished_at = now
    return len(rows)


def _record_catch(session: Session, row: ReplyRow, caught: SafetyCatch, *, now: datetime) -> None:
    row.safety = True
    if caught.source == "user":
        row.turn.flagged = True
    session.add(
        SafetyEventRow(
            id=new_id(),
            visitor_id=row.turn.conversation.visitor_id,
            turn_id=row.turn_id,
            reply_id=row.id,
            source=caught.source,
            category=caught.category,
            reason=caught.reason,
            text=caught.text,
            at=now,
        )
    )


def _touch(session: Session, changes: Update) -> bool:
    return session.scalar(changes.returning(ReplyRow.id)) is not None
