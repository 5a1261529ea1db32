"""A small job beside the chat, in a process of its own that gives way to everything else."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scheduler.bounded_process import Bounds, start_bounded
from scheduler.errors import ChildError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrandSettings(Bounds):
    """command: the words that run it. log: what the last process said. rest: after a failure.
    stop_seconds: from asking the process to end to killing it."""

    command: Sequence[str]
    log: Path
    nice: int = 19
    rest: timedelta = timedelta(minutes=10)
    stop_seconds: float = 5.0


class Errand:
    """At most one process at a time. Safe from any thread."""

    def __init__(
        self,
        settings: ErrandSettings,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._now = now
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._failed_at: datetime | None = None
        self._closed = False

    @property
    def running(self) -> bool:
        """Whether a process is there."""
        with self._lock:
            return self._look() is not None

    def start(self) -> bool:
        """Start it; False while one runs, rests after a failure, or after `close`.

        Raises ChildError.
        """
        with self._lock:
            if self._look() is not None or self._closed or self._resting():
                return False
            self._process = self._spawn()
            return True

    def close(self) -> None:
        """End the process, and start no other."""
        with self._lock:
            self._closed = True
            process = self._look()
            if process is None:
                return
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(self._settings.stop_seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            self._process = None

    def _look(self) -> "subprocess.Popen[bytes] | None":
        """The living process; one that has ended is buried."""
        if self._process is None:
            return None
        code = self._process.poll()
        if code is None:
            return self._process
        self._process = None
        if code:
            self._failed_at = self._now()
            logger.error("%s ended with %s", self._settings.command[-1], code)
            logger.error("What it said is in %s", self._settings.log)
        return None

    def _resting(self) -> bool:
        return self._failed_at is not None and self._now() - self._failed_at < self._settings.rest

    def _spawn(self) -> "subprocess.Popen[bytes]":
        settings = self._settings
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            with os.fdopen(os.open(settings.log, flags, 0o600), "wb") as output:
                return start_bounded(settings.command, output, settings)
        except OSError as error:
            raise ChildError(
                f"{settings.command[-1]} cannot be started ({error}); expected {settings.log} to "
                f"be writable and {sys.executable} to run"
            ) from error
