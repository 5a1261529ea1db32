"""Files and folders that appear whole or not at all, also after a kill or a power cut."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def published_folder(target: Path) -> Iterator[Path]:
    """Fill the yielded folder; on leaving without an error it becomes `target` in one rename.

    Half-made folders that a killed process left beside `target` are removed first. An existing
    `target` is replaced. Hold `folder_lock` around it when several processes may publish.
    """
    partial = target.with_name(f".partial-{target.name}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        for path in sorted(partial.rglob("*")):
            _sync(path)
        _sync(partial)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    # Removing the old folder in place could leave half of it under the name of the whole.
    replaced = target.with_name(f".replaced-{target.name}")
    shutil.rmtree(replaced, ignore_errors=True)
    if target.exists():
        target.rename(replaced)
    partial.rename(target)
    _sync(target.parent)
    shutil.rmtree(replaced, ignore_errors=True)


def write_file(target: Path, content: bytes) -> None:
    """Replace `target` by `content` in one rename, on disk before returning."""
    partial = target.with_name(f".partial-{target.name}")
    try:
        partial.write_bytes(content)
        _sync(partial)
        partial.rename(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync(target.parent)


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Let one process at a time work in `folder`; the others wait."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def file_sha256(path: Path) -> str:
    """Hex SHA-256 of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
