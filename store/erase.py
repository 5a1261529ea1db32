"""Removal that reaches the bytes: rows, write-ahead log, free pages and exported files."""

import os
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from store.audit import append_audit
from store.database import Database
from store.errors import NotFoundError
from store.export import EXPORTS_BY_VISITOR
from store.records import Erased
from store.tables import ConversationRow, ErasureRow, ReplyRow, TurnRow, VisitorRow
from store.visitors import hash_of


def erase_visitor(
    database: Database, visitor_id: str, *, exports: Path, actor: str, now: datetime
) -> Erased:
    """Remove everything of a visitor, in the database and under `exports`, down to the bytes.

    The rows and their tombstone go in one transaction, so that a kill leaves all or nothing;
    repeating it after a kill finishes the rest. Raises NotFoundError for an unknown id,
    DatabaseError when the bytes could not be scrubbed yet.
    """
    files = _erase_exports(exports, visitor_id)
    with database.session() as session:
        erased = _erase_rows(session, visitor_id, files, actor=actor, now=now)
    database.scrub()
    return erased


def purge_deleted(session: Session) -> int:
    """Remove the rows of conversations marked deleted; return how many conversations.

    Scrub or checkpoint the database afterwards: the log still holds the bytes.
    """
    marked = ConversationRow.deleted_at.is_not(None)
    count = session.scalar(select(func.count()).select_from(ConversationRow).where(marked)) or 0
    session.execute(delete(ConversationRow).where(marked))
    return count


def _erase_rows(
    session: Session, visitor_id: str, export_files: int, *, actor: str, now: datetime
) -> Erased:
    tombstone = session.get(ErasureRow, hash_of(visitor_id))
    visitor = session.get(VisitorRow, visitor_id, with_for_update=True)
    if visitor is None and tombstone is None:
        raise NotFoundError(f"no visitor has the id {visitor_id}; nothing was erased")
    erased = _count(session, visitor_id, export_files)
    if visitor is not None:
        # The foreign keys cascade: conversations, turns, replies, feedback, safety events.
        session.execute(delete(VisitorRow).where(VisitorRow.id == visitor_id))
    if tombstone is None:
        session.add(ErasureRow(visitor_sha256=hash_of(visitor_id), erased_at=now))
        detail: dict[str, object] = {"conversations": erased.conversations, "turns": erased.turns}
        append_audit(session, actor=actor, action="visitor.erase", detail=detail, now=now)
    return erased


def _count(session: Session, visitor_id: str, export_files: int) -> Erased:
    mine = ConversationRow.visitor_id == visitor_id
    turns = select(TurnRow.id).join(ConversationRow).where(mine).subquery()
    replies = select(ReplyRow.id).join(TurnRow).join(ConversationRow).where(mine).subquery()
    return Erased(
        conversations=session.scalar(select(func.count()).select_from(ConversationRow).where(mine))
        or 0,
        turns=session.scalar(select(func.count()).select_from(turns)) or 0,
        replies=session.scalar(select(func.count()).select_from(replies)) or 0,
        export_files=export_files,
    )


def _erase_exports(exports: Path, visitor_id: str) -> int:
    """Remove the visitor's own exports and their lines in exports of many; return files changed."""
    changed = 0
    needle = visitor_id.encode()
    for path in sorted(exports.rglob("*")) if exports.is_dir() else []:
        if path.is_symlink() or not path.is_file():
            continue
        own = exports / EXPORTS_BY_VISITOR / visitor_id in path.parents
        if not own and needle not in path.read_bytes():
            continue
        if not own and path.suffix == ".jsonl":
            _drop_lines(path, needle)
        else:
            path.unlink()
        changed += 1
    folder = exports / EXPORTS_BY_VISITOR / visitor_id
    if folder.is_dir():
        folder.rmdir()
    return changed


def _drop_lines(path: Path, needle: bytes) -> None:
    """Rewrite a file without the lines that hold `needle`; a kill leaves the old or the new one."""
    fresh = path.with_suffix(".jsonl.new")
    with path.open("rb") as old, fresh.open("wb") as new:
        new.writelines(line for line in old if needle not in line)
        new.flush()
        os.fsync(new.fileno())
    fresh.replace(path)
