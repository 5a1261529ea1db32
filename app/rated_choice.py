"""Which rated data a command measures on or fits on: a file, a folder, or the site's own reviews."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from app.clock import utc_now
from app.settings import Settings
from persona.errors import DataError
from rlaif.rated_data import read_rated, sample_dialogues
from rlaif.rated_dialogues import RatedDialogue
from rlaif.rated_reviews import review_dialogues
from store.database import open_database

REVIEWS, BLIND_REVIEWS = "reviews", "blind-reviews"


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedChoice:
    """data: `reviews`, `blind-reviews`, or a path; write ./reviews for a file of that name. format:
    of the path, told from the data when None. dialogues: how many to take at most, None for all.
    learnt_until: of reviews, only later ones (`reviews_until` of the heads that are measured)."""

    data: str
    format: str | None = None
    dialogues: int | None = None
    learnt_until: datetime | None = None


def load_rated(settings: Settings, choice: RatedChoice) -> list[RatedDialogue]:
    """Return the chosen rows. Raises DataError when there are none, or a format is given for
    reviews."""
    if choice.data in (REVIEWS, BLIND_REVIEWS):
        if choice.format is not None:
            raise DataError(
                f"--format is {choice.format!r} beside --data {choice.data}, which come from the "
                "database; leave it out"
            )
        found: Sequence[RatedDialogue] = _reviews(settings, choice)
    else:
        found = read_rated(Path(choice.data), choice.format)
    if choice.dialogues is None:
        return list(found)
    return sample_dialogues(found, choice.dialogues)


def _reviews(settings: Settings, choice: RatedChoice) -> list[RatedDialogue]:
    database = open_database(settings.database_url)
    try:
        with database.reading() as session:
            found = review_dialogues(
                session,
                now=utc_now(),
                retention=timedelta(days=settings.consent.retention_days),
                learnt_until=choice.learnt_until,
                blind_only=choice.data == BLIND_REVIEWS,
            )
    finally:
        database.close()
    if not found:
        until = choice.learnt_until
        newer = "" if until is None else f" given after {until:%Y-%m-%d %H:%M}"
        raise DataError(
            f"the database holds no {choice.data}{newer} of replies whose visitors let the night "
            "learn; review replies in the console, or give a file as --data"
        )
    return found
