"""The alarm clock of the night. It only rings: the ledger decides who runs a date, and whether.

APScheduler keeps two jobs in memory: the alarm, once per local date, and a tick every minute that
does the housekeeping and looks whether an alarm was missed while the machine was off or asleep.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from scheduler.calendar import Appointment, Schedule, last_appointment, next_appointment

NIGHT_JOB = "night"
TICK_JOB = "housekeeping"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSettings:
    """grace: how late a night may still begin, at most a day. tick: between looks, at most a
    minute, so that a missed night begins within a minute of the start. first_tick: after start."""

    schedule: Schedule
    grace: timedelta = timedelta(hours=20)
    tick: timedelta = timedelta(seconds=60)
    first_tick: timedelta = timedelta(seconds=10)

    def __post_init__(self) -> None:
        if not timedelta(0) < self.grace <= timedelta(days=1):
            raise ValueError(f"grace is {self.grace}; expected more than zero, at most a day")
        if not timedelta(0) < self.tick <= timedelta(seconds=60):
            raise ValueError(f"tick is {self.tick}; expected more than zero, at most a minute")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bells:
    """What the clock calls, each from a thread of its own pool.

    due: which night is to be begun or resumed now, None for none; told the last appointment and
    whether it is longer ago than the grace. begin: start that night. chores: what is done every
    minute.
    """

    due: Callable[[Appointment, bool], date | None]
    begin: Callable[[date], None]
    chores: Sequence[Callable[[], None]] = ()


class NightClock:
    """Rings once per local date, also late. Safe to start and stop from any thread."""

    def __init__(
        self,
        settings: ClockSettings,
        bells: Bells,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._bells = bells
        self._now = now
        self._ringing = threading.Lock()
        self._scheduler = BackgroundScheduler(
            timezone=settings.schedule.zone,
            jobstores={"default": MemoryJobStore()},
            executors={"default": ThreadPoolExecutor(2)},
            job_defaults={"coalesce": True, "max_instances": 1},
        )

    def start(self) -> None:
        """Begin to ring; a night missed while nothing ran begins within a minute."""
        self._scheduler.add_job(
            self.ring,
            trigger=NightTrigger(self._settings.schedule),
            id=NIGHT_JOB,
            replace_existing=True,
            misfire_grace_time=int(self._settings.grace.total_seconds()),
        )
        self._scheduler.add_job(
            self.tick,
            trigger="interval",
            seconds=self._settings.tick.total_seconds(),
            next_run_time=datetime.now(UTC) + self._settings.first_tick,
            id=TICK_JOB,
            replace_existing=True,
            misfire_grace_time=None,
        )
        self._scheduler.start()

    def stop(self) -> None:
        """Ring no more; a bell that is being rung is waited for."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def next_night(self) -> Appointment:
        """Return the next appointment."""
        return next_appointment(self._settings.schedule, self._now())

    def tick(self) -> None:
        """Do every chore, whatever becomes of the others, and begin a night that is due."""
        for chore in self._bells.chores:
            try:
                chore()
            except Exception:
                logger.exception("A chore of the night clock failed; it is tried again next minute")
        self.ring()

    def ring(self) -> None:
        """Begin the night that is due, if there is one."""
        with self._ringing:
            now = self._now()
            appointment = last_appointment(self._settings.schedule, now)
            try:
                due = self._bells.due(appointment, now - appointment.at > self._settings.grace)
                if due is not None:
                    self._bells.begin(due)
            except Exception:
                logger.exception("The night of %s could not be begun", appointment.date)


class NightTrigger(BaseTrigger):
    """One firing per local date. CronTrigger fires twice in an hour that clocks repeat, and not at
    all in one that they skip."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """Return the first appointment after the previous one, missed ones included."""
        after = previous_fire_time or now
        return next_appointment(self._schedule, after).at
