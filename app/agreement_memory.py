"""The agreement report kept until something it is made of changes."""

import threading
from dataclasses import dataclass
from datetime import date, datetime

from app.agreement import AgreementReport, Judge, agreement_report
from app.settings import Settings
from store.database import Database
from store.ratings import RatingsState, ratings_state


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """Of what a report was made. `day`: reviews grow old by the day."""

    judge: Judge
    state: RatingsState
    day: date


class AgreementMemory:
    """The newest report of one evaluator; of several threads that want it one makes it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[_Made, AgreementReport] | None = None

    def report(
        self, settings: Settings, database: Database, judge: Judge, now: datetime
    ) -> AgreementReport:
        """Return `agreement_report`, anew where a review, a score or a night has come or gone."""
        with self._lock:
            # Looked at before the report is made: what comes meanwhile makes the next one new.
            with database.reading() as session:
                state = ratings_state(session)
            made = _Made(judge=judge, state=state, day=now.date())
            if self._kept is not None and self._kept[0] == made:
                return self._kept[1]
            report = agreement_report(settings, database, judge, now)
            self._kept = (made, report)
            return report
