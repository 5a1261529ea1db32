"""Which nights should have been and were not, as the ledger shows it."""

from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy.orm import Session

from scheduler.calendar import Schedule, appointment_on
from store.activity import was_said_before
from store.night_records import Night

_LONGEST_DAYS = 31


def missed_days(
    session: Session, nights: Sequence[Night], schedule: Schedule, until: date
) -> list[date]:
    """Return the dates before `until` without a night, oldest first.

    From the night that is the newest before `until`, else from the first words that were said; at
    most a month back.
    """
    before = [date.fromisoformat(night.date) for night in nights]
    earliest = until - timedelta(days=_LONGEST_DAYS)
    first = max([earliest, *(day + timedelta(days=1) for day in before if day < until)])
    days = [first + timedelta(days=at) for at in range((until - first).days)]
    if not days or not was_said_before(session, appointment_on(schedule, days[-1]).at):
        return []
    return [day for day in days if was_said_before(session, appointment_on(schedule, day).at)]


def abandoned_days(nights: Sequence[Night], last: date) -> list[date]:
    """Return the dates of begun nights that the clock will not take up again, oldest first.

    `last` is the date of the last appointment; a night that waits may still go on the day after.
    """
    found = []
    for night in reversed(nights):
        day = date.fromisoformat(night.date)
        over = last if night.status in ("running", "stopped") else last - timedelta(days=1)
        if night.status in ("running", "stopped", "waiting") and day < over:
            found.append(day)
    return found
