"""Removal that reaches the bytes: rows, write-ahead log, free pages and exported files."""

import os
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from store.adapters import active_adapter, deploy
from store.audit import append_audit
from store.conversations import move_pins
from store.database import Database
from store.erasures import (
    ask_for_erasure,
    blank_audited_pairs,
    blank_tainted_manifests,
    list_unscrubbed,
    mark_scrubbed,
)
from store.errors import NotFoundError
from store.export import EXPORTS_BY_VISITOR
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

_ID = re.compile(rb"(?=([0-9a-f]{32}))")  # overlapping: an id may touch other digits
_REASON = "a visitor it learnt from was erased"


def erase_visitor(
    database: Database,
    visitor_id: str,
    *,
    exports: Path,
    actor: str,
    now: datetime,
    nights: Path | None = None,
) -> Erased:
    """Remove everything of a visitor, in the database and the files, down to the bytes.

    Under `exports` go files and lines that name the visitor, under `nights` (the working files of
    training) also those that name one of their turns, pairs or replies.

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
    files = _erase_exports(exports, visitor_id)
    files += 0 if nights is None else _erase_files(nights, names)
    with database.session() as session:
        # What was said since the first look has names too.
        names |= _names_of(session, visitor_id)
        erased = _erase_rows(session, visitor_id, files, actor=actor, now=now)
        unscrubbed = list_unscrubbed(session)
    if nights is not None:
        _erase_files(nights, names)
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


def _erase_exports(exports: Path, visitor_id: str) -> int:
    """Remove the visitor's own exports and their lines in exports of many; return files changed."""
    own = exports / EXPORTS_BY_VISITOR / visitor_id
    files = [path for path in own.rglob("*") if path.is_file()] if own.is_dir() else []
    for path in files:
        path.unlink()
    if own.is_dir():
        own.rmdir()
    return len(files) + _erase_files(exports, frozenset({visitor_id.encode()}))


def _erase_files(folder: Path, names: frozenset[bytes]) -> int:
    """Remove the lines (.jsonl) and the files that hold one of `names`; return files changed."""
    changed = 0
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        if path.is_symlink() or not path.is_file() or not _holds(path.read_bytes(), names):
            continue
        if path.suffix == ".jsonl":
            _drop_lines(path, names)
        else:
            path.unlink()
        changed += 1
    return changed


def _drop_lines(path: Path, names: frozenset[bytes]) -> None:
    """Rewrite a file without the lines that hold one; a kill leaves the old or the new one."""
    fresh = path.with_suffix(".jsonl.new")
    with path.open("rb") as old, fresh.open("wb") as new:
        new.writelines(line for line in old if not _holds(line, names))
        new.flush()
        os.fsync(new.fileno())
    fresh.replace(path)


def _holds(data: bytes, names: frozenset[bytes]) -> bool:
    """Whether one of the ids is in there; one pass however many they are."""
    return not names.isdisjoint(_ID.findall(data))
