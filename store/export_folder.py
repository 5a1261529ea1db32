"""Exports on disk: made whole or not at all, listed, changed by erasures, deleted."""

import os
import re
import shutil
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.database import Database
from store.errors import ConflictError, NotFoundError
from store.export_card import CARD, consent_statement, dataset_card
from store.export_files import open_writer
from store.export_lock import exports_locked, held_folder, is_held
from store.export_records import (
    ExportFile,
    ExportManifest,
    ExportOrder,
    ExportPlace,
    ExportProgress,
    TableName,
)
from store.export_tables import columns_of, count_rows, pages
from store.reply_filter import check_filter, filter_json, public_filter
from store.tables import ErasureRow, PendingErasureRow

FORMAT = "yogeiko.export/1"
MANIFEST = "manifest.json"
PARTIAL = ".partial-"
PROGRESS = "progress.json"
_ATTEMPTS = 5
_ERASURE_SECONDS = 60.0
_POLL_SECONDS = 0.2
_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}")
_MANIFESTS = TypeAdapter(ExportManifest)
_PROGRESS = TypeAdapter(ExportProgress)


class ExportStoppedError(ConflictError):
    """Somebody asked for the end of an export; nothing is left of it."""


class _ErasedMeanwhileError(Exception):
    """An erasure came in between: what was read may be of somebody who is gone."""


def new_export_id(now: datetime) -> str:
    """Return a fresh folder name that sorts by time."""
    return f"{now:%Y%m%dT%H%M%SZ}-{uuid4().hex[:6]}"


def write_export(
    database: Database,
    order: ExportOrder,
    place: ExportPlace,
    *,
    now: datetime,
    should_stop: Callable[[], bool],
) -> ExportManifest:
    """Write an export into `place.folder`, which must not exist, and return its manifest.

    The folder appears in one rename once every byte is on disk. An erasure while it is written
    begins it anew, because pages that were read may be of whoever is gone. Its progress is in the
    hidden folder beside it. Raises ConflictError when the folder exists, the filter of replies makes
    no sense or erasures do not end, ExportStoppedError.
    """
    if order.replies is not None:
        check_filter(order.replies)
    if place.folder.exists():
        raise ConflictError(f"{place.folder} exists already; expected a new folder, name another")
    for _ in range(_ATTEMPTS):
        marks = _without_erasures(database, should_stop)
        partial = place.folder.with_name(f"{PARTIAL}{place.folder.name}")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True, mode=0o700)
        try:
            with held_folder(partial):
                manifest = _fill(database, order, place, partial, now, should_stop)
                with exports_locked(place.exports):
                    _check_no_erasure(database, marks)
                    _publish(partial, place.folder)
        except (OSError, _ErasedMeanwhileError):
            shutil.rmtree(partial, ignore_errors=True)
            # An erasure removes what is half written; anything else is a fault of the disk.
            if _erasure_marks(database) == marks:
                raise
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        else:
            return manifest
    raise ConflictError(
        f"the export was begun {_ATTEMPTS} times and every time somebody was erased meanwhile; "
        "try again when no erasure runs"
    )


def list_exports(exports: Path) -> list[ExportManifest]:
    """Return the whole exports in a folder, the newest first."""
    found = [
        load_manifest(exports, path.name)
        for path in (exports.iterdir() if exports.is_dir() else ())
        if _ID.fullmatch(path.name) and (path / MANIFEST).is_file()
    ]
    return sorted(found, key=lambda one: one.id, reverse=True)


def load_manifest(exports: Path, export_id: str) -> ExportManifest:
    """Return what an export holds. Raises NotFoundError, ConflictError when it cannot be read."""
    path = exports / export_id / MANIFEST
    if not _ID.fullmatch(export_id) or not path.is_file():
        raise NotFoundError(f"no export has the id {export_id}")
    try:
        return _MANIFESTS.validate_json(path.read_bytes())
    except ValidationError as error:
        raise ConflictError(f"{path} is not a manifest of an export; delete the folder") from error


def read_progress(exports: Path, export_id: str) -> ExportProgress | None:
    """Return how far an export is that is being written; None before its first page."""
    path = exports / f"{PARTIAL}{export_id}" / PROGRESS
    try:
        return _PROGRESS.validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def delete_export(exports: Path, export_id: str) -> None:
    """Remove an export. Raises NotFoundError."""
    load_manifest(exports, export_id)
    with exports_locked(exports):
        doomed = exports / f"{PARTIAL}{export_id}"
        shutil.rmtree(doomed, ignore_errors=True)
        (exports / export_id).rename(doomed)
        shutil.rmtree(doomed)


def remove_abandoned(exports: Path) -> int:
    """Remove what dead processes left half written; return how many folders."""
    abandoned = [
        path
        for path in (exports.glob(f"{PARTIAL}*") if exports.is_dir() else ())
        if path.is_dir() and not is_held(path)
    ]
    for path in abandoned:
        shutil.rmtree(path, ignore_errors=True)
    return len(abandoned)


def write_manifest(folder: Path, manifest: ExportManifest) -> None:
    """Replace the manifest of an export, and the card where it has one, in one rename each."""
    if manifest.form == "hf":
        _replace(folder / CARD, dataset_card(manifest).encode())
    _replace(folder / MANIFEST, _MANIFESTS.dump_json(manifest, indent=2))


def _fill(
    database: Database,
    order: ExportOrder,
    place: ExportPlace,
    partial: Path,
    now: datetime,
    should_stop: Callable[[], bool],
) -> ExportManifest:
    """Write every file of the export into `partial` and return the manifest among them."""
    files: list[ExportFile] = []
    with database.reading() as session:
        totals = {table: count_rows(session, table) for table in order.tables}
    read = written = 0
    for table in order.tables:
        writer = open_writer(order.form, partial, table, columns_of(table))
        for looked_at, rows in pages(database, table, order, place.pseudonym):
            if should_stop():
                raise ExportStoppedError("the export was stopped; nothing is left of it")
            writer.add(rows)
            read, written = read + looked_at, written + len(rows)
            progress = ExportProgress(
                table=table, read=read, total=sum(totals.values()), written=written
            )
            _replace(partial / PROGRESS, _PROGRESS.dump_json(progress), durable=False)
        files += writer.close()
    (partial / PROGRESS).unlink(missing_ok=True)
    manifest = _manifest(order, place, files, now)
    write_manifest(partial, manifest)
    return manifest


def _manifest(
    order: ExportOrder, place: ExportPlace, files: list[ExportFile], now: datetime
) -> ExportManifest:
    return ExportManifest(
        format=FORMAT,
        id=place.folder.name,
        created_at=now,
        software=place.software,
        form=order.form,
        tables=order.tables,
        filter=order.filter,
        pseudonymised=not order.real_ids,
        licence=order.licence,
        consent=consent_statement(consented=order.filter.consented),
        ordered_by=order.ordered_by,
        columns={
            table: {column.name: column.kind for column in columns_of(table)}
            for table in order.tables
        },
        counts={table: _rows_of(files, table) for table in order.tables},
        files=tuple(files),
        replies=None if order.replies is None else public_filter(filter_json(order.replies)),
    )


def _rows_of(files: list[ExportFile], table: TableName) -> int:
    return sum(file.rows for file in files if file.table == table)


def _publish(partial: Path, folder: Path) -> None:
    for path in sorted(partial.rglob("*")):
        _sync(path)
    _sync(partial)
    partial.rename(folder)
    _sync(folder.parent)


def _replace(path: Path, content: bytes, *, durable: bool = True) -> None:
    fresh = path.with_name(f".new-{path.name}")
    fresh.write_bytes(content)
    if durable:
        _sync(fresh)
    fresh.replace(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _without_erasures(database: Database, should_stop: Callable[[], bool]) -> int:
    """Wait until no erasure is under way; return how many there ever were."""
    until = time.monotonic() + _ERASURE_SECONDS
    while True:
        marks = _erasure_marks(database)
        if marks is not None:
            return marks
        if should_stop():
            raise ExportStoppedError("the export was stopped; nothing is left of it")
        if time.monotonic() > until:
            raise ConflictError(
                f"somebody's erasure has not ended within {_ERASURE_SECONDS:g} seconds; the "
                "running server finishes it within a minute, then try again"
            )
        time.sleep(_POLL_SECONDS)


def _check_no_erasure(database: Database, marks: int) -> None:
    if _erasure_marks(database) != marks:
        raise _ErasedMeanwhileError


def _erasure_marks(database: Database) -> int | None:
    """Return how many erasures are done; None while one is asked for and not done."""
    with database.reading() as session:
        return _marks(session)


def _marks(session: Session) -> int | None:
    pending = session.scalar(select(func.count()).select_from(PendingErasureRow))
    return None if pending else session.scalar(select(func.count()).select_from(ErasureRow)) or 0
