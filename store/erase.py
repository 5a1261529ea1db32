"""Removal that reaches the bytes: rows, write-ahead log, free pages and exported files."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from store.adapters import active_adapter, deploy
from store.audit import append_audit
from store.conversations import move_pins
from store.database import Database
from store.erase_files import erase_exports, erase_files
from store.erasures import (
    ask_for_erasure,
    blank_audited_pairs,
    blank_tainted_manifests,
    list_unscrubbed,
    mark_scrubbed,
)
from store.errors import NotFoundError
from store.lineage import taint, tainted_by_visitor
from store.night_tables import CandidateRow, PairRow
from store.records import Erased
from store.tables import (
    ConversationRow,
    ErasureRow,
    PendingErasureRow,
    ReplyRow,
    TurnRow,
    VisitorRow,
)
from store.visitors import hash_of

_REASON = "a visitor it learnt from was erased"


def erase_visitor(
    database: Database,
    visitor_id: str,
    *,
    exports: Path,
    actor: str,
    now: datetime,
    nights: Path | None = None,
    pseudonym: str | None = None,
) -> Erased:
    """Remove everything of a visitor, in the database and the files, down to the bytes.

    Under `exports` and `nights` (the working files of training) go files and lines that name the
    visitor or one of their turns, pairs or replies. `pseudonym`: their name in exports, which also
    finds lines of conversations deleted since.

    Adapters that learnt from them, and all that descend from those, are tainted; if one was in
    production, the last clean one is deployed, and conversations pinned to one move to it. What
    those adapters left on disk is `rlaif.traces`' work. The rows and their tombstone go in one
    transaction, so that a kill leaves all or nothing; `pending_erasures` and the tombstone tell
    what is left to do, and repeating does it. Raises NotFoundError for an unknown id,
    DatabaseError when the bytes could not be scrubbed yet.
    """
    with database.session() as session:
        _check_known(session, visitor_id)
        ask_for_erasure(session, visitor_id, actor, now)
        names = _names_of(session, visitor_id)
    in_exports = names if pseudonym is None else names | {pseudonym.encode()}
    files = erase_exports(exports, visitor_id, in_exports, now)
    files += 0 if nights is None else erase_files(nights, names)
    with database.session() as session:
        # What was said since the first look has names too.
        names |= _names_of(session, visitor_id)
        erased = _erase_rows(session, visitor_id, files, actor=actor, now=now)
        unscrubbed = list_unscrubbed(session)
    if nights is not None:
        erase_files(nights, names)
    database.scrub()
    with database.session() as session:
        mark_scrubbed(session, unscrubbed, now)
    return erased


def purge_deleted(session: Session) -> int:
    """Remove the rows of conversations marked deleted; return how many conversations.

    Scrub or checkpoint the database afterwards: the log still holds the bytes.
    """
    marked = ConversationRow.deleted_at.is_not(None)
    count = session.scalar(select(func.count()).select_from(ConversationRow).where(marked)) or 0
    session.execute(delete(ConversationRow).where(marked))
    return count


def _check_known(session: Session, visitor_id: str) -> None:
    """Raise NotFoundError for an unknown id; one eraser of a visitor at a time passes here.

    On PostgreSQL two would else both ask for the erasure. The lock lets a publishing night go on.
    """
    lock = {"key_share": True}
    known = session.get(VisitorRow, visitor_id, with_for_update=lock)
    if known is None and not session.get(ErasureRow, hash_of(visitor_id), with_for_update=lock):
        raise NotFoundError(f"no visitor has the id {visitor_id}; nothing was erased")


def _erase_rows(
    session: Session, visitor_id: str, export_files: int, *, actor: str, now: datetime
) -> Erased:
    # The lock also waits for a night that is publishing what it learnt from this visitor, and for
    # another eraser, whose tombstone is there afterwards.
    visitor = session.get(VisitorRow, visitor_id, with_for_update=True)
    tombstone = session.get(ErasureRow, hash_of(visitor_id))
    pairs = select(PairRow.id).where(PairRow.visitor_id == visitor_id)
    blank_audited_pairs(session, frozenset(session.scalars(pairs)))
    tainted = _retire_adapters(session, visitor_id, actor=actor, now=now)
    erased = replace(
        _count(session, visitor_id), export_files=export_files, tainted_adapters=len(tainted)
    )
    if visitor is not None:
        # The foreign keys cascade: conversations, turns, replies, feedback, safety events, and
        # what nights made of them: candidates, scores, pairs, drops, conflicts, reviews, lineage.
        session.execute(delete(VisitorRow).where(VisitorRow.id == visitor_id))
    session.execute(delete(PendingErasureRow).where(PendingErasureRow.visitor_id == visitor_id))
    if tombstone is not None:
        tombstone.scrubbed_at = tombstone.finished_at = None
    else:
        session.add(
            ErasureRow(
                visitor_sha256=hash_of(visitor_id),
                erased_at=now,
                scrubbed_at=None,
                finished_at=None,
            )
        )
        detail: dict[str, object] = {
            "conversations": erased.conversations,
            "turns": erased.turns,
            "tainted_adapters": tainted,
        }
        append_audit(session, actor=actor, action="visitor.erase", detail=detail, now=now)
    return erased


def _retire_adapters(session: Session, visitor_id: str, *, actor: str, now: datetime) -> list[str]:
    """Taint what learnt from the visitor and serve the last clean one; return what was tainted."""
    before = active_adapter(session)
    affected = tainted_by_visitor(session, visitor_id)
    tainted = taint(session, affected, _REASON, now)
    blank_tainted_manifests(session)
    if not tainted:
        return []
    active = active_adapter(session)
    move_pins(session, tainted, active, now=now)
    if before != active:
        detail: dict[str, object] = {"from": before, "to": active}
        append_audit(session, actor=actor, action="adapter.fallback", detail=detail, now=now)
        if active is not None:
            deploy(session, active, who=actor, why=f"instead of {before}: {_REASON}", now=now)
    return tainted


def _count(session: Session, visitor_id: str) -> Erased:
    mine = ConversationRow.visitor_id == visitor_id
    conversations = select(ConversationRow.id).where(mine)
    turns = select(TurnRow.id).where(TurnRow.conversation_id.in_(conversations))
    replies = select(ReplyRow.id).where(ReplyRow.turn_id.in_(turns))
    pairs = select(PairRow.id).where(PairRow.visitor_id == visitor_id)
    candidates = select(CandidateRow.id).where(CandidateRow.turn_id.in_(turns))

    def count(wanted: Select[str]) -> int:
        return session.scalar(select(func.count()).select_from(wanted.subquery())) or 0

    return Erased(
        conversations=count(conversations),
        turns=count(turns),
        replies=count(replies),
        export_files=0,
        pairs=count(pairs),
        candidates=count(candidates),
    )


def _names_of(session: Session, visitor_id: str) -> frozenset[bytes]:
    """Return the ids by which working files may name what a visitor said."""
    conversations = select(ConversationRow.id).where(ConversationRow.visitor_id == visitor_id)
    turns = select(TurnRow.id).where(TurnRow.conversation_id.in_(conversations))
    wanted = (
        turns,
        select(ReplyRow.id).where(ReplyRow.turn_id.in_(turns)),
        select(PairRow.id).where(PairRow.visitor_id == visitor_id),
        select(CandidateRow.id).where(CandidateRow.turn_id.in_(turns)),
    )
    ids = {one for query in wanted for one in session.scalars(query)}
    return frozenset(one.encode() for one in {visitor_id, *ids})
