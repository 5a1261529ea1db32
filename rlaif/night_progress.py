"""How far a running night is, and when it may end by what earlier nights took."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from store.night_records import Night, NightStep

_NIGHTS = 10
_LEAST_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedEnd:
    """When a night may end: if what is left takes its usual (median) time, and the shortest and
    the longest time of the `nights` earlier nights it is told from."""

    at: datetime
    earliest: datetime
    latest: datetime
    nights: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NightProgress:
    """The step under way. `position` of `steps`; `total` None: not known yet.

    per_minute: units of the step since it began, None before anything can be said of it.
    """

    step: str
    position: int
    steps: int
    done: int
    total: int | None
    started_at: datetime
    per_minute: float | None
    end: ExpectedEnd | None


@dataclass(frozen=True, slots=True)
class _Range:
    usual: float
    least: float
    most: float


def progress_of(
    night: Night, order: Sequence[str], earlier: Sequence[Night], now: datetime
) -> NightProgress | None:
    """Return where a night is; None before its first step.

    `order`: all steps. `earlier`: other nights, the newest first. The end is told only when every
    step that is left is known from an earlier night, or is under way and tells its pace.
    """
    if not night.steps:
        return None
    present = night.steps[-1]
    elapsed = (now - present.started_at).total_seconds()
    pace = None
    if present.done and elapsed >= _LEAST_SECONDS:
        pace = present.done / elapsed
    return NightProgress(
        step=present.step,
        position=present.position,
        steps=len(order),
        done=present.done,
        total=present.total,
        started_at=present.started_at,
        per_minute=None if pace is None else 60 * pace,
        end=_end(present, pace, order, earlier, now),
    )


def _end(
    present: NightStep,
    pace: float | None,
    order: Sequence[str],
    earlier: Sequence[Night],
    now: datetime,
) -> ExpectedEnd | None:
    later = order[present.position :]
    ranges = [_usual(step, earlier) for step in later]
    rest = _rest(present, pace, earlier, now)
    if rest is None or None in ranges:
        return None
    left = [rest, *(one for one in ranges if one is not None)]
    return ExpectedEnd(
        at=now + timedelta(seconds=sum(one.usual for one in left)),
        earliest=now + timedelta(seconds=sum(one.least for one in left)),
        latest=now + timedelta(seconds=sum(one.most for one in left)),
        nights=len([night for night in earlier[:_NIGHTS] if night.finished_at is not None]),
    )


def _rest(
    present: NightStep, pace: float | None, earlier: Sequence[Night], now: datetime
) -> _Range | None:
    """What is left of the step under way, by its own pace where it has one."""
    if present.finished_at is not None:
        return _Range(0.0, 0.0, 0.0)
    if pace is not None and present.total is not None:
        seconds = max(0, present.total - present.done) / pace
        return _Range(seconds, seconds, seconds)
    usual = _usual(present.step, earlier)
    if usual is None:
        return None
    gone = (now - present.started_at).total_seconds()
    return _Range(*(max(0.0, one - gone) for one in (usual.usual, usual.least, usual.most)))


def _usual(step: str, earlier: Sequence[Night]) -> _Range | None:
    """Seconds that a step took in the newest nights that finished it."""
    lengths = [
        (one.finished_at - one.started_at).total_seconds()
        for night in earlier
        for one in night.steps
        if one.step == step and one.finished_at is not None
    ][:_NIGHTS]
    if not lengths:
        return None
    return _Range(statistics.median(lengths), min(lengths), max(lengths))
