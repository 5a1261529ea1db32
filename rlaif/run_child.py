"""The parent's side of a training child: start it, pass on its progress, stop it, judge its end."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from queue import Empty, Queue
from threading import Thread
from typing import IO

from persona.durable import folder_lock
from rlaif.errors import (
    PreferenceTrainingError,
    TrainingDiedError,
    TrainingMemoryError,
    TrainingStoppedError,
)
from rlaif.training_job import (
    GIBIBYTE,
    ChildLimits,
    Done,
    Event,
    Failed,
    Loaded,
    Stepped,
    Stopped,
    TrainingJob,
    job_json,
    manifest_of,
    read_event,
    tells_of_no_memory,
)
from rlaif.training_watch import PreferenceProgress

_POLL_SECONDS = 0.2
_KILL_SECONDS = 10.0
_STANDARD_INPUT = "/dev/stdin"
LOG_FILE = "child.log"

logger = logging.getLogger(__name__)


def run_training_child(
    job: TrainingJob,
    on_progress: Callable[[PreferenceProgress], None],
    should_stop: Callable[[], bool],
) -> dict[str, object]:
    """Train in a process of its own and return the manifest of what it published.

    `should_stop` is asked several times a second; when it says so the child ends after its step.
    The standard error of the last child is kept in the work folder as child.log.
    Raises TrainingStoppedError (a checkpoint waits), TrainingMemoryError (bound reached),
    TrainingDiedError (killed, crashed or hung) or PreferenceTrainingError (its own reason). Calling
    again with the same job continues from the last checkpoint.
    """
    job.work_folder.mkdir(parents=True, exist_ok=True)
    with folder_lock(job.work_folder / "child"):
        return _Child(job, on_progress, should_stop).run()


class _Child:
    def __init__(
        self,
        job: TrainingJob,
        on_progress: Callable[[PreferenceProgress], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self._limits = job.limits
        self._job = job
        self._log = job.work_folder / LOG_FILE
        self._on_progress = on_progress
        self._should_stop = should_stop
        self._events: Queue[Event | None] = Queue()
        self._stop_asked_at: float | None = None

    def run(self) -> dict[str, object]:
        with self._log.open("wb") as log:
            process = self._start(log)
            try:
                last = self._follow(process)
            finally:
                _end(process)
        return self._judge(last, process.returncode)

    def _start(self, log: IO[bytes]) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "rlaif.train_child", _STANDARD_INPUT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            encoding="utf-8",
            env=_environment(self._limits),
        )
        Thread(target=self._listen, args=(process.stdout,), daemon=True).start()
        Thread(target=self._tell, args=(process.stdin,), daemon=True).start()
        return process

    def _tell(self, given: IO[str]) -> None:
        """Give the child its job through the pipe: a file would outlive whoever is killed."""
        try:
            with given:
                given.write(job_json(self._job))
        except (BrokenPipeError, ValueError):
            logger.warning("The training child ended before it had read its job")

    def _listen(self, lines: IO[str]) -> None:
        for line in lines:
            event = read_event(line)
            if event is not None:
                self._events.put(event)
        self._events.put(None)

    def _follow(self, process: "subprocess.Popen[str]") -> Event | None:
        """The last thing the child said about how it went; None when it said nothing."""
        heard_at = time.monotonic()
        while True:
            self._stop_when_asked(process)
            try:
                event = self._events.get(timeout=_POLL_SECONDS)
            except Empty:
                silence = time.monotonic() - heard_at
                if silence > self._limits.silence_seconds:
                    process.kill()
                    raise TrainingDiedError(
                        f"the training child said nothing for {silence:.0f} s and was killed; "
                        "continue with `yogeiko night run --resume`"
                    ) from None
                continue
            heard_at = time.monotonic()
            if event is None:
                process.wait()
                return None
            if isinstance(event, Stepped):
                self._on_progress(
                    PreferenceProgress(step=event.step, steps=event.steps, figures=event.figures)
                )
            elif not isinstance(event, Loaded):
                process.wait()
                return event

    def _stop_when_asked(self, process: "subprocess.Popen[str]") -> None:
        if self._stop_asked_at is None:
            if self._should_stop():
                self._stop_asked_at = time.monotonic()
                process.terminate()
        elif time.monotonic() - self._stop_asked_at > self._limits.stop_seconds:
            process.kill()

    def _judge(self, last: Event | None, code: int) -> dict[str, object]:
        if isinstance(last, Done):
            return manifest_of(last)
        if isinstance(last, Stopped):
            raise TrainingStoppedError(last.message)
        if isinstance(last, Failed):
            if last.kind == "memory":
                raise self._no_memory(last.message)
            if last.kind == "other":
                raise TrainingDiedError(f"{last.message}; see {self._log}")
            raise PreferenceTrainingError(last.message)
        if self._stop_asked_at is not None:
            raise TrainingStoppedError(
                "training stopped as asked, between checkpoints; "
                "continue with `yogeiko night run --resume`"
            )
        # Libraries that cannot raise when memory runs out abort, with a last word on stderr.
        if code < 0 and tells_of_no_memory(self._log.read_text("utf-8", "replace")):
            raise self._no_memory(_end_in_words(code))
        raise TrainingDiedError(
            f"the training child {_end_in_words(code)}; chat goes on with the adapter it has, "
            f"see {self._log} and continue with `yogeiko night run --resume`"
        )

    def _no_memory(self, reason: str) -> TrainingMemoryError:
        bound = self._limits.memory_bytes
        allowed = "memory" if bound is None else f"{bound / GIBIBYTE:.1f} GiB"
        return TrainingMemoryError(
            f"training needs more than the {allowed} it may use ({reason}); "
            "allow more memory or train smaller batches"
        )


def _environment(limits: ChildLimits) -> dict[str, str]:
    threads = str(limits.threads)
    return {
        **os.environ,
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        # Waiting threads sleep instead of spinning: chat shares the processors.
        "OMP_WAIT_POLICY": "PASSIVE",
        "MALLOC_ARENA_MAX": "2",
        "TOKENIZERS_PARALLELISM": "false",
    }


def _end(process: "subprocess.Popen[str]") -> None:
    """Leave no child behind, whatever went wrong on this side."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_KILL_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _end_in_words(code: int) -> str:
    if code == -signal.SIGKILL:
        return "was killed (SIGKILL), as the system does for want of memory"
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code} without a word"
