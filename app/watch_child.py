"""The process that scores for the same-day watch: `python -m app.watch_child HOME`.

It loads the night's embedded evaluator once, scores a small sample a minute, and ends when nothing
is left to score, a night begins, or the server is no more.
"""

import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cache, partial
from pathlib import Path

from app.clock import utc_now
from app.composition import chosen_card, existing_heads
from app.night_models import NightModels
from app.settings import load_settings
from rlaif.embedded_heads import evaluator_id_on_disk
from rlaif.evaluator import Evaluator
from rlaif.watch_sample import SampleSettings, choose_sample
from rlaif.watch_scores import score_sample
from store.database import Database, open_database

LOOK_SECONDS = 60.0
_POLL_SECONDS = 1.0


def score_while_watched(
    database: Database,
    evaluator_id: str,
    load: Callable[[], Evaluator],
    settings: SampleSettings,
    wait: Callable[[], bool],
) -> int:
    """Score one sample after the other until there is none, or `wait` between two says False.

    `load` returns the evaluator; it is called when there is something to score. Returns how many
    verdicts were stored.
    """
    stored = 0
    while True:
        with database.reading() as session:
            sample = choose_sample(session, evaluator_id, settings, utc_now())
        if not sample:
            return stored
        stored += score_sample(database, load(), sample, utc_now())
        if not wait():
            return stored


def main(arguments: list[str]) -> int:
    """Score for the server of a home folder."""
    settings = load_settings(Path(arguments[0]))
    database = open_database(settings.database_url)
    sample = SampleSettings(retention=timedelta(days=settings.consent.retention_days))
    name = evaluator_id_on_disk(existing_heads(settings))
    load = cache(NightModels(settings, chosen_card(settings)).embedded_evaluator)
    stored = score_while_watched(database, name, load, sample, partial(wait_a_look, os.getppid()))
    sys.stdout.write(f"{stored} replies were scored\n")
    return 0


def wait_a_look(parent: int) -> bool:
    """Wait until the next look; False as soon as the process that started this one is gone."""
    until = time.monotonic() + LOOK_SECONDS
    while os.getppid() == parent:
        if time.monotonic() >= until:
            return True
        time.sleep(_POLL_SECONDS)
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
