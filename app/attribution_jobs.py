"""Attributions that operators ask for in the console: one at a time, in a process of its own.

Results stay in memory and hold figures, no words; the newest are kept.
"""

import re
import sys
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from app.attribution_question import AttributionQuestion
from app.night_service import night_memory_bytes
from app.settings import Settings
from rlaif.attribution import Attribution, Method
from scheduler.heard_process import Heard, HeardProcess, HeardSettings

AttributionState = Literal["none", "running", "stopping", "done", "failed", "stopped"]
_KEPT = 200
_PROGRESS = re.compile(r"(\d+)/(\d+)")
_ANSWER = TypeAdapter(Attribution)
_QUESTION = TypeAdapter(AttributionQuestion)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionKey:
    """Of which reply, to which metric, by which method."""

    reply_id: str
    metric: str
    method: Method


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionJob:
    """An attribution as it stands. done, planned: evaluations so far, both 0 before the first.
    reason: why it failed."""

    state: AttributionState
    done: int = 0
    planned: int = 0
    result: Attribution | None = None
    reason: str = ""


class AttributionJobs:
    """At most one at a time. Safe from any thread."""

    def __init__(self, process: HeardProcess) -> None:
        self._process = process
        self._lock = threading.Lock()
        self._running: AttributionKey | None = None
        self._ended: OrderedDict[AttributionKey, AttributionJob] = OrderedDict()

    def start(self, key: AttributionKey, question: AttributionQuestion) -> bool:
        """Begin it unless it is done or under way; False while another one runs. Raises ChildError."""
        with self._lock:
            self._settle()
            known = self._ended.get(key)
            if self._running == key or (known is not None and known.state == "done"):
                return True
            if self._running is not None or not self._process.start(_QUESTION.dump_json(question)):
                return False
            self._ended.pop(key, None)
            self._running = key
            return True

    def look(self, key: AttributionKey) -> AttributionJob:
        """Return it as it stands."""
        with self._lock:
            self._settle()
            heard = self._process.heard
            if self._running == key and heard is not None:
                done, planned = _progress(heard)
                state: AttributionState = "stopping" if heard.asked else "running"
                return AttributionJob(state=state, done=done, planned=planned)
            return self._ended.get(key, AttributionJob(state="none"))

    def stop(self) -> bool:
        """Ask what runs to end; False without one."""
        with self._lock:
            self._settle()
            return self._running is not None and self._process.stop()

    def close(self) -> None:
        """End what runs, and start no other."""
        self._process.close()

    def _settle(self) -> None:
        """Note how the process ended, if it has."""
        heard = self._process.heard
        if self._running is None or heard is None or heard.running:
            return
        self._ended[self._running] = _ending(heard)
        self._running = None
        while len(self._ended) > _KEPT:
            self._ended.popitem(last=False)


def attribution_process(settings: Settings) -> HeardProcess:
    """The process that attributes; it gives way to the chat and is bound like a night."""
    return HeardProcess(
        HeardSettings(
            command=[sys.executable, "-m", "app.attribution_child", str(settings.home)],
            nice=19,
            stop_seconds=2.0,
            memory_bytes=night_memory_bytes(settings.night),
            environment={"YOGEIKO_SERVER_HOST": settings.server.host},
        )
    )


def _ending(heard: Heard) -> AttributionJob:
    if heard.asked:
        return AttributionJob(state="stopped")
    if heard.code == 0:
        try:
            return AttributionJob(state="done", result=_ANSWER.validate_json(heard.output))
        except ValidationError:
            return AttributionJob(state="failed", reason="the answer cannot be read; try again")
    told = heard.lines[-1] if heard.lines else f"exit code {heard.code}; run yogeiko doctor"
    return AttributionJob(state="failed", reason=told)


def _progress(heard: Heard) -> tuple[int, int]:
    for line in reversed(heard.lines):
        found = _PROGRESS.fullmatch(line)
        if found is not None:
            return int(found[1]), int(found[2])
    return 0, 0
