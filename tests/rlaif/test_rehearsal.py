"""A dry run tells what a night would do, at any hour, and leaves the ledger as it was."""

from datetime import UTC, datetime, timedelta

import pytest

from rlaif.expected import SECONDS_PER_PAIR, ExpectedTraining, expected_training
from rlaif.night import Rehearsal, rehearse, run_night
from rlaif.night_ledger import NightOrder, NightOutcome
from rlaif.night_work import NightSettings
from store.candidates import list_candidates
from store.night_records import Night, NightStep
from store.nights import holder, list_nights, load_night
from tests.rlaif import night_kit
from tests.rlaif.night_kit import DATE, Bench, talk_a_day, without

ORDER = NightOrder(date=DATE, owner="test")


def _rehearse(bench: Bench, *, again: bool = False, date: str = DATE) -> Rehearsal | NightOutcome:
    order = NightOrder(date=date, owner="dry", again=again)
    return rehearse(bench.parts(), night_kit.settings(), order)


def _ledger(bench: Bench) -> list[tuple[object, ...]]:
    with bench.database.reading() as session:
        return [
            (n.date, n.status, n.decision, n.started_at, n.finished_at, n.settings, n.steps)
            for n in list_nights(session)
        ]


def test_a_dry_run_opens_no_night(bench: Bench) -> None:
    dry = _rehearse(bench)

    assert isinstance(dry, Rehearsal)
    assert dry.pairing.pairs
    assert _ledger(bench) == []
    with bench.database.reading() as session:
        assert list_candidates(session, DATE)
        assert holder(session, DATE, bench.now) is None


def test_the_night_after_a_dry_run_begins_at_its_own_time(bench: Bench) -> None:
    _rehearse(bench)
    bench.now += timedelta(hours=2)

    run_night(bench.parts(), night_kit.settings(), ORDER, {"own": 1})

    with bench.database.reading() as session:
        night = load_night(session, DATE)
    assert night is not None
    assert (night.started_at, night.settings) == (bench.now, {"own": 1})
    assert {step.started_at for step in night.steps} == {bench.now}


def test_a_waiting_night_still_waits_after_a_dry_run(bench: Bench) -> None:
    settings = without(night_kit.settings(), approval="required")
    run_night(bench.parts(), settings, ORDER, {})
    before = _ledger(bench)
    bench.now += timedelta(hours=1)

    assert isinstance(_rehearse(bench), Rehearsal)
    assert _ledger(bench) == before


def test_a_refused_night_keeps_its_steps_in_a_dry_run(bench: Bench) -> None:
    bench.better = False
    run_night(bench.parts(), night_kit.settings(), ORDER, {})
    before = _ledger(bench)

    over = _rehearse(bench)
    dry = _rehearse(bench, again=True)

    assert isinstance(over, NightOutcome)
    assert "is over (refused" in over.decision
    assert isinstance(dry, Rehearsal)
    assert _ledger(bench) == before


def test_the_next_night_can_be_rehearsed_when_this_one_is_over(bench: Bench) -> None:
    run_night(bench.parts(), night_kit.settings(), ORDER, {})
    bench.now += timedelta(hours=9)

    nothing_yet = _rehearse(bench, date="2026-09-26")
    talk_a_day(bench.database, people=2, start=bench.now - timedelta(hours=1))
    dry = _rehearse(bench, date="2026-09-26")

    assert isinstance(nothing_yet, NightOutcome)
    assert "nobody who allows learning has talked" in nothing_yet.decision
    assert isinstance(dry, Rehearsal)
    older = dry.training.pairs - len(dry.pairing.pairs)
    assert older > 0, "the pairs of the night before are trained on again"
    assert dry.training.measured_nights == 1
    assert [date for date, *_ in _ledger(bench)] == [DATE]


def _night(date: str, seconds: float, pairs: int, replay: int) -> Night:
    began = datetime(2026, 9, 1, tzinfo=UTC)
    step = NightStep(
        step="train",
        position=7,
        started_at=began,
        finished_at=began + timedelta(seconds=seconds),
        done=1,
        total=1,
        detail={"pairs": pairs, "replay": replay},
    )
    return Night(
        date=date, status="published", lease_owner=None, lease_until=None, fencing_token=1,
        started_at=began, finished_at=began, settings={}, decision=None, adapter=None,
        steps=(step,),
    )  # fmt: skip


def test_minutes_come_from_the_nights_that_trained() -> None:
    # 2, 3 and 10 seconds per pair; the middle one counts.
    nights = [_night("a", 200, 80, 20), _night("b", 300, 80, 20), _night("c", 1000, 80, 20)]

    told = expected_training(90, NightSettings(), nights)

    # A fifth of all is replay: 90 pairs and 23 (22.5) of the card.
    assert told == ExpectedTraining(
        pairs=90, replay_pairs=23, seconds_per_pair=3.0, measured_nights=3, enough=True
    )
    assert told.minutes == pytest.approx(113 * 3 / 60)


def test_without_a_measured_night_the_default_is_named() -> None:
    told = expected_training(64, NightSettings(), [])

    assert (told.seconds_per_pair, told.measured_nights) == (SECONDS_PER_PAIR, 0)


def test_too_few_pairs_take_no_minutes() -> None:
    told = expected_training(63, NightSettings(), [])

    assert (told.enough, told.minutes) == (False, 0.0)
