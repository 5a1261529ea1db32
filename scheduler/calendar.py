"""Which instant belongs to which night: one per local date, whatever the clocks are doing.

Where clocks jump over the time of day, the night begins as long after midnight as it would have
without the jump (02:30 becomes 03:30); where they turn back, it begins the first time. Source:
PEP 495, `fold=0`.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Every night at the time of day `at` (without zone) of `zone`."""

    at: time
    zone: ZoneInfo

    def __post_init__(self) -> None:
        if self.at.tzinfo is not None:
            raise ValueError(f"at is {self.at}; expected a time of day without a zone")


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """A night's local date and the instant (UTC) at which it begins."""

    date: date
    at: datetime


def appointment_on(schedule: Schedule, day: date) -> Appointment:
    """Return the only appointment of a local date."""
    local = datetime.combine(day, schedule.at.replace(fold=0), tzinfo=schedule.zone)
    return Appointment(date=day, at=local.astimezone(UTC))


def last_appointment(schedule: Schedule, now: datetime) -> Appointment:
    """Return the newest appointment at or before `now` (aware)."""
    day = now.astimezone(schedule.zone).date() + timedelta(days=1)
    found = appointment_on(schedule, day)
    while found.at > now:
        day -= timedelta(days=1)
        found = appointment_on(schedule, day)
    return found


def next_appointment(schedule: Schedule, now: datetime) -> Appointment:
    """Return the first appointment after `now` (aware)."""
    return appointment_on(schedule, last_appointment(schedule, now).date + timedelta(days=1))
