"""Where a night is, and when it may end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from rlaif.night_progress import progress_of
from store.night_records import Night, NightStep

NOW = datetime(2026, 9, 24, 18, tzinfo=UTC)
ORDER = ("collect", "score", "train")


def _step(name: str, start: datetime, seconds: float | None, done: int = 0) -> NightStep:
    return NightStep(
        step=name,
        position=ORDER.index(name) + 1,
        started_at=start,
        finished_at=None if seconds is None else start + timedelta(seconds=seconds),
        done=done,
        total=100,
        detail={},
    )


def _night(*steps: NightStep, date: str = "2026-09-24") -> Night:
    return Night(
        date=date,
        status="running",
        lease_owner=None,
        lease_until=None,
        fencing_token=1,
        started_at=NOW,
        finished_at=None,
        settings={},
        decision=None,
        adapter=None,
        steps=steps,
    )


def _earlier(train: float) -> Night:
    steps = [_step("collect", NOW, 2), _step("score", NOW, 60), _step("train", NOW, train)]
    return replace(_night(*steps), status="published", finished_at=NOW)


def test_the_pace_of_the_step_and_earlier_nights_tell_the_end() -> None:
    night = _night(
        _step("collect", NOW - timedelta(seconds=42), 2),
        _step("score", NOW - timedelta(seconds=40), None, done=50),
    )
    found = progress_of(night, ORDER, [_earlier(600), _earlier(500), _earlier(800)], NOW)
    assert found is not None
    assert (found.step, found.position, found.steps) == ("score", 2, 3)
    assert found.per_minute == 75.0  # 50 in 40 seconds
    assert found.end is not None
    # 50 are left at 1.25 a second, then a median training.
    assert found.end.at == NOW + timedelta(seconds=40 + 600)
    assert found.end.earliest == NOW + timedelta(seconds=40 + 500)
    assert found.end.latest == NOW + timedelta(seconds=40 + 800)


def test_without_a_pace_the_step_takes_what_it_took() -> None:
    night = _night(_step("train", NOW - timedelta(seconds=100), None))
    found = progress_of(night, ORDER, [_earlier(600)], NOW)
    assert found is not None
    assert found.per_minute is None
    assert found.end is not None
    assert found.end.at == NOW + timedelta(seconds=500)


def test_what_no_night_has_done_is_not_foretold() -> None:
    night = _night(_step("score", NOW - timedelta(seconds=40), None, done=50))
    found = progress_of(night, ORDER, [], NOW)
    assert found is not None
    assert found.end is None
    assert progress_of(_night(), ORDER, [], NOW) is None
