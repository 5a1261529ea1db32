"""Locks of the folder of exports: one process publishes or erases at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exports_locked(exports: Path) -> Iterator[None]:
    """Wait until nobody else publishes an export or erases from exports, and keep others out."""
    exports.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (exports / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def held_folder(folder: Path) -> Iterator[None]:
    """Show others, while the block runs, that a living process writes in the folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_held(folder: Path) -> bool:
    """Return whether a living process writes in the folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
