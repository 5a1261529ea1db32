"""The same-day watch beside the running server: scores a sample, and goes back if need be."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.clock import utc_now
from rlaif.watch_active import watch_active
from rlaif.watch_sample import SampleSettings, choose_sample
from scheduler.errand import Errand, ErrandSettings
from store.database import Database
from store.records import Adapter

_PATIENCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchParts:
    """What the watch works with. evaluator: the id under which scores are stored. check raises
    AdapterError for an adapter that must not be gone back to. scoring: the process that scores."""

    evaluator: Callable[[], str]
    check: Callable[[Adapter], None]
    scoring: ErrandSettings
    sample: SampleSettings = field(default_factory=SampleSettings)


class WatchService:
    """Looks when it is told to, once a minute. Close it before the store."""

    def __init__(
        self, database: Database, parts: WatchParts, now: Callable[[], datetime] = utc_now
    ) -> None:
        self._database = database
        self._parts = parts
        self._now = now
        self._scoring = Errand(parts.scoring, now)
        self._started_at: datetime | None = None

    def look(self) -> None:
        """Judge the adapter in production, then see that there will be scores to judge it by."""
        watch_active(self._database, self._parts.sample.watch, self._now(), self._parts.check)
        self._have_scored()

    def close(self) -> None:
        """End the process that scores."""
        self._scoring.close()

    def _have_scored(self) -> None:
        """Start the process for a full sample, or after a while for less: it loads a model."""
        if self._scoring.running:
            return
        now = self._now()
        with self._database.reading() as session:
            sample = choose_sample(session, self._parts.evaluator(), self._parts.sample, now)
        waited = self._started_at is None or now - self._started_at >= _PATIENCE
        enough = len(sample) >= self._parts.sample.replies or (sample and waited)
        if enough and self._scoring.start():
            self._started_at = now
