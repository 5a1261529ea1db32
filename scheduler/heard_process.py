"""A process beside the chat that says how far it is, and at its end what it found.

What it says stays in memory: it may name visitors, and a file would outlive their erasure.
"""

import codecs
import logging
import os
import re
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import IO

from scheduler.bounded_process import Bounds, start_bounded
from scheduler.errors import ChildError

_CHUNK_BYTES = 65_536
logger = logging.getLogger(__name__)

_LINE_ENDS = re.compile(r"[\r\n]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardSettings(Bounds):
    """command: the words that run it. stop_seconds: from asking it to end to killing it.
    most_bytes: of output that are kept, the rest is dropped; most_lines: of its complaints."""

    command: Sequence[str]
    stop_seconds: float = 20.0
    most_bytes: int = 16 * 1024**2
    most_lines: int = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the newest process has said so far.

    lines: the last of its standard error, oldest first. output: its standard output,
    complete when `code` is there; a negative code is the signal that ended it. asked: it was asked
    to stop.
    """

    started_at: datetime
    lines: tuple[str, ...] = ()
    output: bytes = b""
    asked: bool = False
    code: int | None = None
    ended_at: datetime | None = None

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.ended_at is None


@dataclass(slots=True)
class _Run:
    """A process and the threads that listen to it."""

    process: subprocess.Popen[bytes]
    heard: Heard
    watcher: threading.Thread | None = None
    decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )
    lines: list[str] = field(default_factory=list)
    rest: str = ""
    pieces: list[bytes] = field(default_factory=list)
    size: int = 0


class HeardProcess:
    """At most one process at a time. Safe from any thread."""

    def __init__(
        self, settings: HeardSettings, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._settings = settings
        self._now = now
        self._lock = threading.Lock()
        self._run: _Run | None = None
        self._closed = False

    @property
    def heard(self) -> Heard | None:
        """What the process that runs or ran last has said; None before the first."""
        with self._lock:
            return None if self._run is None else self._run.heard

    def start(self, question: bytes = b"") -> bool:
        """Start it with `question` as its input; False while one runs or after `close`.

        The question passes through a file without a name. Raises ChildError.
        """
        with self._lock, tempfile.TemporaryFile() as given:
            given.write(question)
            given.seek(0)
            if self._closed or (self._run is not None and self._run.heard.running):
                return False
            output, output_end = _pipe()
            errors, errors_end = _pipe()
            try:
                with output_end, errors_end:
                    process = start_bounded(
                        self._settings.command,
                        output_end,
                        self._settings,
                        given=given,
                        errors=errors_end,
                    )
            except OSError as error:
                output.close()
                errors.close()
                raise ChildError(
                    f"{self._settings.command[0]} cannot be started ({error}); expected a program"
                ) from error
            run = _Run(process=process, heard=Heard(started_at=self._now()))
            listeners = (
                threading.Thread(target=self._keep, args=(run, output), daemon=True),
                threading.Thread(target=self._hear, args=(run, errors), daemon=True),
            )
            run.watcher = threading.Thread(target=self._watch, args=(run, listeners), daemon=True)
            for thread in (*listeners, run.watcher):
                thread.start()
            self._run = run
            return True

    def stop(self) -> bool:
        """Ask the process to end and return at once; it is killed if it does not. False: none runs."""
        with self._lock:
            run = self._run
            if run is None or not run.heard.running:
                return False
            run.heard = replace(run.heard, asked=True)
            os.killpg(run.process.pid, signal.SIGTERM)
        threading.Thread(target=self._insist, args=(run,), daemon=True).start()
        return True

    def close(self) -> None:
        """End the process, and start no other."""
        with self._lock:
            self._closed = True
            run = self._run
        if self.stop() and run is not None:
            self._insist(run)

    def _insist(self, run: _Run) -> None:
        if run.watcher is None:
            return
        run.watcher.join(self._settings.stop_seconds)
        with self._lock:
            if run.heard.running:
                os.killpg(run.process.pid, signal.SIGKILL)
        run.watcher.join()

    def _watch(self, run: _Run, listeners: Sequence[threading.Thread]) -> None:
        # Without being reaped, so that nobody else gets its number while its group is cleared.
        os.waitid(os.P_PID, run.process.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:
            os.killpg(run.process.pid, signal.SIGKILL)
        for listener in listeners:
            listener.join()
        code = run.process.wait()
        with self._lock:
            if code and not run.heard.asked:
                logger.error("%s ended with %s", " ".join(self._settings.command), code)
            run.heard = replace(
                run.heard, output=b"".join(run.pieces), code=code, ended_at=self._now()
            )

    def _keep(self, run: _Run, output: IO[bytes]) -> None:
        with output:
            while piece := output.read(_CHUNK_BYTES):
                if run.size + len(piece) <= self._settings.most_bytes:
                    run.size += len(piece)
                    run.pieces.append(piece)

    def _hear(self, run: _Run, errors: IO[bytes]) -> None:
        with errors:
            while piece := errors.read(_CHUNK_BYTES):
                *lines, run.rest = _LINE_ENDS.split(run.rest + run.decoder.decode(piece))
                run.lines = [*run.lines, *filter(None, lines)][-self._settings.most_lines :]
                # A line that is written over itself never ends: the last one counts unfinished.
                told = (*run.lines, run.rest) if run.rest else tuple(run.lines)
                with self._lock:
                    run.heard = replace(
                        run.heard, lines=tuple(line.strip() for line in told if line.strip())
                    )


def _pipe() -> tuple[IO[bytes], IO[bytes]]:
    """A reading end that gives what is there, and a writing end."""
    reading, writing = os.pipe()
    return os.fdopen(reading, "rb", buffering=0), os.fdopen(writing, "wb", buffering=0)
