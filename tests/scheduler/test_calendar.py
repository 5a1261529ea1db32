"""One appointment per local date, in zones that move their clocks and in zones that do not."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from scheduler.calendar import Schedule, appointment_on, last_appointment, next_appointment

ZONES = ("UTC", "Asia/Tokyo", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")


def _schedule(at: str, zone: str) -> Schedule:
    return Schedule(at=time.fromisoformat(at), zone=ZoneInfo(zone))


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_tokyo_at_three_is_eighteen_the_day_before_in_utc() -> None:
    tokyo = _schedule("03:00", "Asia/Tokyo")
    assert appointment_on(tokyo, date(2026, 9, 24)).at == _utc("2026-09-23T18:00")
    found = next_appointment(tokyo, _utc("2026-09-23T17:59:59"))
    assert (found.date, found.at) == (date(2026, 9, 24), _utc("2026-09-23T18:00"))
    assert last_appointment(tokyo, found.at) == found
    assert next_appointment(tokyo, found.at).date == date(2026, 9, 25)


@pytest.mark.parametrize(
    ("at", "day", "utc"),
    [
        ("02:30", date(2026, 3, 28), "2026-03-28T01:30"),
        # 29 March: clocks go from 02:00 (01:00 UTC) to 03:00; 02:30 does not exist.
        ("02:30", date(2026, 3, 29), "2026-03-29T01:30"),
        ("03:00", date(2026, 3, 29), "2026-03-29T01:00"),
        # 25 October: 02:00-03:00 comes twice; the first is still summer time.
        ("02:30", date(2026, 10, 25), "2026-10-25T00:30"),
        ("03:00", date(2026, 10, 25), "2026-10-25T02:00"),
        ("02:30", date(2026, 10, 26), "2026-10-26T01:30"),
    ],
)
def test_berlin_on_the_days_its_clocks_change(at: str, day: date, utc: str) -> None:
    assert appointment_on(_schedule(at, "Europe/Berlin"), day).at == _utc(utc)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("at", ["00:00", "01:45", "02:00", "02:30", "03:00", "23:59"])
def test_a_year_has_every_date_once(zone: str, at: str) -> None:
    schedule = _schedule(at, zone)
    now = _utc("2026-01-10T12:00")
    first = next_appointment(schedule, now)
    found = [first]
    for _ in range(365):
        found.append(next_appointment(schedule, found[-1].at))
    assert [one.date for one in found] == [first.date + timedelta(days=n) for n in range(366)]
    gaps = [later.at - earlier.at for earlier, later in pairwise(found)]
    assert timedelta(hours=22, minutes=59) < min(gaps) <= max(gaps) < timedelta(hours=25, minutes=1)


@pytest.mark.parametrize("zone", ZONES)
def test_whenever_one_looks_the_last_is_past_and_the_next_to_come(zone: str) -> None:
    schedule = _schedule("02:30", zone)
    # Every 20 minutes around both changes of the northern and of the southern clocks.
    for start in (
        "2026-03-07",
        "2026-03-28",
        "2026-04-04",
        "2026-10-03",
        "2026-10-24",
        "2026-10-31",
    ):
        for step in range(3 * 72):
            now = _utc(f"{start}T00:00") + timedelta(minutes=20 * step)
            last, following = last_appointment(schedule, now), next_appointment(schedule, now)
            assert last.at <= now < following.at
            assert following.date - last.date == timedelta(days=1)


def test_a_time_with_a_zone_of_its_own_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a time of day without a zone"):
        Schedule(at=time(3, 0, tzinfo=UTC), zone=ZoneInfo("UTC"))
