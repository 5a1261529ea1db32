"""The process in which a night runs, so that whatever happens to it, the chat lives on."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from scheduler.bounded_process import Bounds, start_bounded
from scheduler.errors import ChildError

LOG_FILE = "night.log"
_RESTS = (timedelta(0), timedelta(minutes=10), timedelta(minutes=30))

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSettings(Bounds):
    """command: the words that run the night of a date. by_hand: words more where a person asks for
    it. stop_seconds: from asking the process to end to killing it. nights_folder: holds
    <date>/night.log."""

    command: Callable[[date], Sequence[str]]
    nights_folder: Path
    by_hand: Sequence[str] = ()
    stop_seconds: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildEnd:
    """How a night's process ended; a negative code is the signal that killed it."""

    date: date
    code: int
    at: datetime


class NightChild:
    """At most one process of a night at a time. Safe from any thread."""

    def __init__(
        self,
        settings: ChildSettings,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._now = now
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: threading.Thread | None = None
        self._day: date | None = None
        self._ends: list[ChildEnd] = []

    @property
    def running(self) -> bool:
        """Whether a process is there."""
        with self._lock:
            return self._process is not None

    @property
    def pid(self) -> int | None:
        """The process now running."""
        with self._lock:
            return None if self._process is None else self._process.pid

    @property
    def day(self) -> date | None:
        """The night whose process is running."""
        with self._lock:
            return None if self._process is None else self._day

    def ends(self) -> list[ChildEnd]:
        """How the processes so far ended, oldest first."""
        with self._lock:
            return list(self._ends)

    def start(self, day: date, *, by_hand: bool = False) -> bool:
        """Start the night of `day`. Raises ChildError.

        False when one is running already, or when this one ended before and has to rest: a night
        that dies again and again is tried once more at once, then twice more in longer intervals.
        What a person starts does not rest.
        """
        with self._lock:
            if self._process is not None or (not by_hand and self._resting(day)):
                return False
            self._process = self._spawn(day, self._settings.by_hand if by_hand else ())
            self._day = day
            self._watcher = threading.Thread(
                target=self._watch, args=(self._process, day), name=f"night-{day}", daemon=True
            )
            self._watcher.start()
            return True

    def gave_up(self, day: date) -> bool:
        """Whether the night of `day` died so often that it is not started any more."""
        return len(self.deaths(day)) > len(_RESTS)

    def deaths(self, day: date) -> list[ChildEnd]:
        """How processes of the night of `day` failed, oldest first. One that was stopped or waits
        for operators has not."""
        return [end for end in self.ends() if end.date == day and end.code != 0]

    def stop(self) -> None:
        """Ask the process and all it started to end, kill what has not after `stop_seconds`."""
        with self._lock:
            process, watcher = self._process, self._watcher
        if process is None or watcher is None:
            return
        self._signal(process, signal.SIGTERM)
        watcher.join(self._settings.stop_seconds)
        if watcher.is_alive():
            logger.warning("The night did not stop by itself; it is killed and resumes later")
            self._signal(process, signal.SIGKILL)
            watcher.join()

    def _resting(self, day: date) -> bool:
        deaths = [end for end in self._ends if end.date == day and end.code != 0]
        if not deaths:
            return False
        return len(deaths) > len(_RESTS) or self._now() - deaths[-1].at < _RESTS[len(deaths) - 1]

    def _signal(self, process: subprocess.Popen[bytes], what: signal.Signals) -> None:
        """Signal the process and all it started, unless it is over: its number may be another's."""
        with self._lock:
            if self._process is process:
                os.killpg(process.pid, what)

    def _spawn(self, day: date, more: Sequence[str]) -> subprocess.Popen[bytes]:
        settings = self._settings
        log = settings.nights_folder / day.isoformat() / LOG_FILE
        try:
            log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "ab") as output:
                started = self._now().isoformat(timespec="seconds")
                output.write(f"== {started} night of {day} starts\n".encode())
                output.flush()
                return start_bounded([*settings.command(day), *more], output, settings)
        except OSError as error:
            raise ChildError(
                f"the night of {day} cannot be started ({error}); expected {log} to be writable "
                f"and {sys.executable} to run; try yogeiko night run --date {day}"
            ) from error

    def _watch(self, process: subprocess.Popen[bytes], day: date) -> None:
        # Without being reaped, so that nobody else gets its number while its group is cleared.
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:
            os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
            self._process = self._watcher = None
            self._ends.append(ChildEnd(date=day, code=code, at=self._now()))
        log = self._settings.nights_folder / day.isoformat() / LOG_FILE
        if code:
            logger.error("The process of the night of %s ended with %s; see %s", day, code, log)
        else:
            logger.info("The process of the night of %s is done", day)
