"""The clock rings once per date, rings late, and survives what its callbacks do."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduler.calendar import Appointment, Schedule
from scheduler.clock import Bells, ClockSettings, NightClock, NightTrigger

TOKYO = Schedule(at=time(3), zone=ZoneInfo("Asia/Tokyo"))


class Ledger:
    """Knows which dates were begun; a fake clock stands beside it."""

    def __init__(self, now: str) -> None:
        self.now = datetime.fromisoformat(now).replace(tzinfo=UTC)
        self.begun: list[date] = []
        self.rung = threading.Event()

    def due(self, appointment: Appointment, late: bool) -> date | None:
        return None if late or appointment.date in self.begun else appointment.date

    def begin(self, day: date) -> None:
        self.begun.append(day)
        self.rung.set()

    def clock(self, schedule: Schedule = TOKYO, **settings: timedelta) -> NightClock:
        return NightClock(
            ClockSettings(schedule=schedule, **settings),
            Bells(due=self.due, begin=self.begin),
            now=lambda: self.now,
        )


def test_a_night_missed_while_the_machine_was_off_begins_once() -> None:
    ledger = Ledger("2026-09-24T01:00")  # 10:00 in Tokyo: seven hours late
    clock = ledger.clock()
    for _ in range(5):
        clock.tick()
        ledger.now += timedelta(minutes=1)
    assert ledger.begun == [date(2026, 9, 24)]


def test_after_days_of_downtime_only_the_last_night_is_made_up_for() -> None:
    ledger = Ledger("2026-09-20T01:00")
    ledger.clock().tick()
    ledger.now += timedelta(days=4)
    ledger.clock().tick()
    assert ledger.begun == [date(2026, 9, 20), date(2026, 9, 24)]


def test_beyond_the_grace_nothing_begins() -> None:
    ledger = Ledger("2026-09-24T00:01")  # six hours and a minute late
    ledger.clock(grace=timedelta(hours=6)).tick()
    assert ledger.begun == []
    ledger.now -= timedelta(minutes=1)
    ledger.clock(grace=timedelta(hours=6)).tick()
    assert ledger.begun == [date(2026, 9, 24)]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "Europe/Berlin"])
@pytest.mark.parametrize("at", [time(2, 30), time(3)])
@pytest.mark.parametrize("around", ["2026-03-27T12:00", "2026-10-23T12:00"])
def test_four_days_of_minutes_begin_every_date_once(zone: str, at: time, around: str) -> None:
    ledger = Ledger(around)
    clock = ledger.clock(Schedule(at=at, zone=ZoneInfo(zone)), grace=timedelta(hours=1))
    for _ in range(4 * 24 * 60):
        clock.ring()
        ledger.now += timedelta(minutes=1)
    first = ledger.begun[0]
    assert ledger.begun == [first + timedelta(days=n) for n in range(4)]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "Europe/Berlin"])
def test_the_trigger_fires_once_per_date_over_a_year(zone: str) -> None:
    trigger = NightTrigger(Schedule(at=time(2, 30), zone=ZoneInfo(zone)))
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    fired: list[datetime] = []
    for _ in range(365):
        fired.append(trigger.get_next_fire_time(fired[-1] if fired else None, now))
        now = fired[-1]
    dates = [one.astimezone(ZoneInfo(zone)).date() for one in fired]
    assert dates == [dates[0] + timedelta(days=n) for n in range(365)]


def test_a_failing_chore_stops_neither_the_others_nor_the_night() -> None:
    done: list[str] = []
    ledger = Ledger("2026-09-24T01:00")

    def fail() -> None:
        raise RuntimeError("the disk is full")

    clock = NightClock(
        ClockSettings(schedule=TOKYO),
        Bells(due=ledger.due, begin=ledger.begin, chores=(fail, lambda: done.append("purge"))),
        now=lambda: ledger.now,
    )
    clock.tick()
    assert done == ["purge"]
    assert ledger.begun == [date(2026, 9, 24)]


def test_a_failing_ledger_is_asked_again() -> None:
    ledger = Ledger("2026-09-24T01:00")
    answers: list[Callable[[Appointment, bool], date | None]] = [_broken, ledger.due]
    clock = NightClock(
        ClockSettings(schedule=TOKYO),
        Bells(due=lambda one, late: answers.pop(0)(one, late), begin=ledger.begin),
        now=lambda: ledger.now,
    )
    clock.ring()
    clock.ring()
    assert ledger.begun == [date(2026, 9, 24)]


def _broken(_: Appointment, late: bool) -> date | None:
    raise OSError("the database is locked")


def test_started_it_catches_up_by_itself_and_stops() -> None:
    ledger = Ledger("2026-09-24T01:00")
    clock = ledger.clock(first_tick=timedelta(milliseconds=20))
    clock.start()
    assert ledger.rung.wait(10), "no catch-up"
    clock.stop()
    clock.stop()
    assert ledger.begun == [date(2026, 9, 24)]


def test_started_it_rings_at_the_time_of_day() -> None:
    ledger = Ledger("2026-09-24T01:00")
    soon = datetime.now(UTC) + timedelta(seconds=2)
    schedule = Schedule(at=soon.time(), zone=ZoneInfo("UTC"))
    clock = NightClock(
        ClockSettings(schedule=schedule, first_tick=timedelta(hours=1)),
        Bells(due=ledger.due, begin=ledger.begin),
    )
    clock.start()
    assert clock.next_night().at == soon
    assert ledger.rung.wait(20), "the alarm did not ring"
    clock.stop()
    assert ledger.begun == [soon.date()]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"grace": timedelta(0)}, "grace is 0:00:00; expected more than zero, at most a day"),
        ({"tick": timedelta(minutes=2)}, "tick is 0:02:00; expected .* at most a minute"),
    ],
)
def test_a_clock_that_could_skip_a_night_is_refused(
    settings: dict[str, timedelta], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        ClockSettings(schedule=TOKYO, **settings)
