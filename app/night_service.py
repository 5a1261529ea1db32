"""The night beside the running server: when it is due, its process, and what is done every minute."""

import logging
import os
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import psutil

from app.clock import utc_now
from app.erasure import finish_erasures
from app.missed_nights import abandoned_days, missed_days
from app.night_reports import write_morning_report
from app.settings import NightSettings, Settings
from rlaif.night_ledger import NightOrder, NightOutcome, record_night
from rlaif.publish import replace_tainted
from scheduler.calendar import Appointment, Schedule, last_appointment
from scheduler.child import LOG_FILE, ChildSettings, NightChild
from scheduler.clock import Bells, ClockSettings, NightClock
from store.activity import was_said_before
from store.database import Database
from store.erase import purge_deleted
from store.night_records import Night, NightEnd
from store.nights import holder, list_nights, load_night
from store.owners import this_process
from store.pairs import list_pairs

_WHO = "night clock"

logger = logging.getLogger(__name__)


class NightService:
    """Starts nights at their time and keeps house. Start it after the chat, close it before.

    `chores` are done every minute, `closing` when it is closed.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        chores: Sequence[Callable[[], None]] = (),
        now: Callable[[], datetime] = utc_now,
        closing: Sequence[Callable[[], None]] = (),
    ) -> None:
        self._closing = closing
        self._settings = settings
        self._database = database
        self._now = now
        self.child = NightChild(child_settings(settings))
        self.clock = NightClock(
            ClockSettings(
                schedule=schedule(settings.night),
                grace=timedelta(hours=settings.night.grace_hours),
            ),
            Bells(
                due=self.due,
                begin=self.begin,
                chores=(
                    self._purge,
                    self._replace_tainted,
                    self._finish_erasures,
                    self._close_missed,
                    *chores,
                ),
            ),
            now=now,
        )

    def start(self) -> None:
        """Begin to watch the clock."""
        self.clock.start()

    def close(self) -> None:
        """Watch no more; a night under way is stopped and resumed after the next start."""
        self.clock.stop()
        self.child.stop()
        for close in self._closing:
            close()

    def due(self, appointment: Appointment, late: bool) -> date | None:
        """Return the night to run now: the last appointment's, else the one before it if it was
        begun and has waited long enough for its operators."""
        if not self._settings.night.enabled or self.child.running:
            return None
        day_before = appointment.date - timedelta(days=1)
        with self._database.reading() as session:
            night = load_night(session, appointment.date.isoformat())
            earlier = load_night(session, day_before.isoformat())
            talked = was_said_before(session, appointment.at)
            taken = holder(session, appointment.date.isoformat(), self._now()) is not None
        if night is None:
            if talked and not late and not taken:
                return appointment.date
        elif self._may_go_on(night):
            return appointment.date
        waited = earlier is not None and earlier.status == "waiting" and self._may_go_on(earlier)
        return day_before if waited else None

    def begin(self, day: date) -> None:
        """Start the night's process, unless one is running or this one must rest after failing.

        One that failed too often ends as failed, with a report.
        """
        if self.child.start(day):
            logger.info("The night of %s begins", day)
        elif self.child.gave_up(day):
            ends = [end.code for end in self.child.deaths(day)]
            log = self._settings.nights_folder / day.isoformat() / LOG_FILE
            self._record(
                day,
                "failed",
                f"its process died {len(ends)} times, lastly with code {ends[-1]}; see {log} and "
                f"run `yogeiko night run --date {day} --resume`",
            )

    def _may_go_on(self, night: Night) -> bool:
        """Whether a begun night is unfinished, nobody's, not held, and has nothing to wait for."""
        now = self._now()
        if night.held_at is not None:
            return False
        with self._database.reading() as session:
            if holder(session, night.date, now) is not None:
                return False
        if night.status != "waiting":
            return night.status in ("running", "stopped")
        asked_at = night.began("inbox") or night.started_at
        deadline = asked_at + timedelta(hours=self._settings.night.deadline_hours)
        if now >= deadline:
            return True
        with self._database.reading() as session:
            return not list_pairs(session, night.date, "proposed")

    def _close_missed(self) -> None:
        """Give every night that did not come about its ending and its report."""
        if not self._settings.night.enabled or self.child.running:
            return
        plan = schedule(self._settings.night)
        last = last_appointment(plan, self._now())
        with self._database.reading() as session:
            nights = list_nights(session)
            until = last.date
            late = self._now() - last.at > timedelta(hours=self._settings.night.grace_hours)
            if late and load_night(session, last.date.isoformat()) is None:
                until += timedelta(days=1)
            days = missed_days(session, nights, plan, until)
        for day in days:
            self._record(
                day, "skipped", "no server ran when this night was due, or nights were switched off"
            )
        for day in abandoned_days(nights, last.date):
            self._record(
                day,
                "failed",
                "it was not finished before the next night; to finish it run "
                f"`yogeiko night run --date {day} --resume`",
            )

    def _record(self, day: date, status: NightEnd, decision: str) -> None:
        order = NightOrder(date=day.isoformat(), owner=this_process())
        told = NightOutcome(status=status, decision=decision)
        if record_night(self._database, order, told, self._now()).status is None:
            return
        logger.warning("The night of %s is %s: %s", day, status, decision)
        write_morning_report(self._settings.nights_folder, self._database, order.date)

    def _purge(self) -> None:
        """Remove conversations whose deletion a stopped server did not finish."""
        with self._database.session() as session:
            purged = purge_deleted(session)
        self._database.forget_words()
        if purged:
            self._database.checkpoint()

    def _finish_erasures(self) -> None:
        finish_erasures(self._settings, self._database, self._now())

    def _replace_tainted(self) -> None:
        with self._database.session() as session:
            replaced = replace_tainted(session, who=_WHO, now=self._now())
        if replaced:
            logger.warning("Adapter %s is in production again", replaced)


def schedule(settings: NightSettings) -> Schedule:
    """Return when nights begin."""
    return Schedule(at=settings.at, zone=ZoneInfo(settings.zone))


def child_settings(settings: Settings) -> ChildSettings:
    """Return how the process of a night is started and bounded."""
    night = settings.night
    home = settings.home

    def command(day: date) -> list[str]:
        program = [sys.executable, "-m", "app.cli", "night", "run"]
        return [*program, "--home", str(home), "--date", day.isoformat()]

    return ChildSettings(
        command=command,
        by_hand=("--resume",),
        nights_folder=settings.nights_folder,
        threads=night_threads(night),
        memory_bytes=night_memory_bytes(night),
        # `serve --host` is no setting that the process could read again.
        environment={"YOGEIKO_SERVER_HOST": settings.server.host},
    )


def night_threads(night: NightSettings) -> int:
    """Return how many threads a night may use: half of the processors where nothing is set."""
    return night.threads or max(1, (os.cpu_count() or 2) // 2)


def night_memory_bytes(night: NightSettings) -> int:
    """Return the bound on a night's private memory: three quarters of the machine's by default."""
    if night.memory_gib is not None:
        return int(night.memory_gib * 1024**3)
    return int(psutil.virtual_memory().total) * 3 // 4
