"""A dry run of tonight beside the server: what would be paired, what left out, how long it takes."""

import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from app.clock import utc_now
from app.night_service import child_settings
from app.settings import Settings
from scheduler.heard_process import Heard, HeardProcess, HeardSettings

RehearsalState = Literal["running", "stopping", "done", "ended", "stopped", "failed"]
# A library that warns meanwhile writes behind it, on the same line.
_PROGRESS = re.compile(r"(\d+)/(\d+) (\w+) (\d+)(?:/(\d+))?(?:\s|$)")


class ExpectedMinutes(BaseModel):
    """What training on the pairs of all nights would take."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    pairs: int
    replay_pairs: int
    seconds_per_pair: float
    measured_nights: int
    enough: bool
    minutes: float


class RehearsalResult(BaseModel):
    """What a dry run found; counts by source and by reason."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    date: str
    by_source: dict[str, int]
    drops: dict[str, int]
    conflicts: int
    training: ExpectedMinutes


class _Ending(BaseModel):
    """A dry run that ended before it paired."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    date: str
    status: str | None
    decision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalProgress:
    """Where a dry run is: `done` of `total` units of a step; total None where it is not known."""

    step: str
    position: int
    steps: int
    done: int
    total: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalReport:
    """The newest dry run. `result` when it is done; `ending` says why it ended without."""

    state: RehearsalState
    started_at: datetime
    ended_at: datetime | None
    progress: RehearsalProgress | None
    result: RehearsalResult | None = None
    ending: str | None = None


class RehearsalService:
    """At most one dry run at a time, in a process of its own. Safe from any thread."""

    def __init__(self, settings: HeardSettings, now: Callable[[], datetime] = utc_now) -> None:
        self._process = HeardProcess(settings, now)

    @property
    def running(self) -> bool:
        """Whether one is under way."""
        heard = self._process.heard
        return heard is not None and heard.running

    @property
    def report(self) -> RehearsalReport | None:
        """The dry run under way, else the last one; None before the first."""
        heard = self._process.heard
        return None if heard is None else read_report(heard)

    def start(self) -> bool:
        """Start a dry run; False while one runs. Raises ChildError."""
        return self._process.start()

    def stop(self) -> bool:
        """Ask it to stop after the batch it is at; False: none runs."""
        return self._process.stop()

    def close(self) -> None:
        """End it, and start no other."""
        self._process.close()


def rehearsal_settings(settings: Settings) -> HeardSettings:
    """Return how the process of a dry run is started; its bounds are those of a night."""
    bounds = child_settings(settings)
    program = [sys.executable, "-m", "app.cli", "night", "run", "--dry-run", "--json"]
    return HeardSettings(
        command=[*program, "--home", str(settings.home)],
        nice=bounds.nice,
        threads=bounds.threads,
        memory_bytes=bounds.memory_bytes,
        environment=bounds.environment,
    )


def read_report(heard: Heard) -> RehearsalReport:
    """Return what a process said as a report."""
    result, ending, state = None, None, _state(heard)
    if state == "done":
        result, ending = _read_output(heard.output)
        if result is None:
            state = "failed" if ending is None else "stopped" if heard.asked else "ended"
    if state == "failed":
        ending = heard.lines[-1] if heard.lines else f"exit code {heard.code}"
    return RehearsalReport(
        state=state,
        started_at=heard.started_at,
        ended_at=heard.ended_at,
        progress=_progress(heard),
        result=result,
        ending=ending,
    )


def _state(heard: Heard) -> RehearsalState:
    if heard.running:
        return "stopping" if heard.asked else "running"
    if heard.code == 0:
        return "done"
    return "stopped" if heard.asked else "failed"


def _read_output(output: bytes) -> tuple[RehearsalResult | None, str | None]:
    """The result, or why there is none; neither where the output cannot be read."""
    try:
        document = json.loads(output)
        if "decision" in document:
            return None, _Ending.model_validate(document).decision
        return RehearsalResult.model_validate(document), None
    except (ValueError, TypeError, ValidationError):
        return None, None


def _progress(heard: Heard) -> RehearsalProgress | None:
    for line in reversed(heard.lines):
        found = _PROGRESS.match(line)
        if found is not None:
            position, steps, step, done, total = found.groups()
            return RehearsalProgress(
                step=step,
                position=int(position),
                steps=int(steps),
                done=int(done),
                total=None if total is None else int(total),
            )
    return None
