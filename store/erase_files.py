"""Taking somebody out of files: working files of nights, and exports of many visitors."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from store.export import EXPORTS_BY_VISITOR
from store.export_folder import MANIFEST, PARTIAL, list_exports, write_manifest
from store.export_lock import exports_locked
from store.export_records import ExportFile, ExportManifest

_ID = re.compile(rb"(?=([0-9a-f]{32}))")  # overlapping: an id may touch other digits
_ID_BYTES = 32
_CHUNK_BYTES = 1 << 20


def erase_exports(exports: Path, visitor_id: str, names: frozenset[bytes], now: datetime) -> int:
    """Remove a visitor's own exports and their lines in exports of many; return files changed.

    `names`: 32 hexadecimal digits each, by which lines tell whose they are. Exports that are being
    written are removed: whoever writes them begins anew. What cannot be changed by lines goes.
    """
    with exports_locked(exports) if exports.is_dir() else nullcontext():
        for partial in exports.glob(f"{PARTIAL}*"):
            shutil.rmtree(partial, ignore_errors=True)
        own = exports / EXPORTS_BY_VISITOR / visitor_id
        files = [path for path in own.rglob("*") if path.is_file()] if own.is_dir() else []
        for path in files:
            path.unlink()
        if own.is_dir():
            own.rmdir()
        changed = len(files) + erase_files(exports, names)
        for manifest in list_exports(exports):
            _refresh(exports / manifest.id, manifest, now)
    return changed


def erase_files(folder: Path, names: frozenset[bytes]) -> int:
    """Remove lines, rows of exported tables, and other files with a name; return files changed."""
    changed = 0
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        if path.is_symlink() or not path.is_file() or not _file_holds(path, names):
            continue
        if path.suffix == ".jsonl" or _is_exported_table(path):
            _drop_records(path, names)
        else:
            path.unlink()
        changed += 1
    return changed


def _is_exported_table(path: Path) -> bool:
    return path.suffix == ".csv" and (path.parent / MANIFEST).is_file()


def _drop_records(path: Path, names: frozenset[bytes]) -> None:
    """Rewrite a file without the records that hold one; a kill leaves the old or the new one."""
    fresh = path.with_suffix(f"{path.suffix}.new")
    with fresh.open("wb") as new:
        new.writelines(record for record in _records(path) if not _holds(record, names))
        new.flush()
        os.fsync(new.fileno())
    fresh.replace(path)


def _records(path: Path) -> Iterator[bytes]:
    """Yield lines; of CSV whole records, whose quoted cells may hold line ends."""
    quoted = path.suffix == ".csv"
    pending, quotes = b"", 0
    with path.open("rb") as file:
        for line in file:
            pending, quotes = pending + line, quotes + (line.count(b'"') if quoted else 0)
            if quotes % 2 == 0:
                yield pending
                pending, quotes = b"", 0
    if pending:
        yield pending


def _file_holds(path: Path, names: frozenset[bytes]) -> bool:
    """Whether one of the ids is in a file of any size."""
    tail = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            if _holds(tail + chunk, names):
                return True
            tail = chunk[-(_ID_BYTES - 1) :]
    return False


def _holds(data: bytes, names: frozenset[bytes]) -> bool:
    """Whether one of the ids is in there; one pass however many they are."""
    return any(found[1] in names for found in _ID.finditer(data))


def _refresh(folder: Path, manifest: ExportManifest, now: datetime) -> None:
    """Make the manifest tell of the files as they are now."""
    files = tuple(_measured(folder, file) for file in manifest.files)
    if files == manifest.files:
        return
    counts = {
        table: sum(file.rows for file in files if file.table == table) for table in manifest.tables
    }
    write_manifest(folder, replace(manifest, files=files, counts=counts, erased_at=now))


def _measured(folder: Path, file: ExportFile) -> ExportFile:
    path = folder / file.name
    if path.stat().st_size == file.bytes:
        return file
    digest, rows = sha256(), -1 if path.suffix == ".csv" else 0
    for record in _records(path):
        digest.update(record)
        rows += 1
    return replace(file, rows=rows, bytes=path.stat().st_size, sha256=digest.hexdigest())
