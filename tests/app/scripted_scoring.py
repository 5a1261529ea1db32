"""The scoring process with a scripted judge: python -m tests.app.scripted_scoring HOME.

It thinks little of replies that hold 駄目, and of all others that they are fine.
"""

import hashlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from app.settings import load_settings
from app.watch_child import score_while_watched
from rlaif.evaluator import Assessment, Dialogue, EvaluatorKind, Unscored
from rlaif.metrics import METRIC_KEYS
from rlaif.watch_sample import SampleSettings
from store.database import open_database

EVALUATOR = "scripted-1"
BAD = "駄目"


class Scripted:
    """Values from the words alone, with a little spread."""

    id = EVALUATOR
    kind: EvaluatorKind = "embedded"

    def assess(
        self, dialogues: Sequence[Dialogue], report: Callable[[int], None] | None = None
    ) -> list[Assessment | Unscored]:
        return [self._one(dialogue) for dialogue in dialogues]

    def _one(self, dialogue: Dialogue) -> Assessment:
        noise = hashlib.sha256(dialogue.turns[-1].content.encode()).digest()[0] / 255
        value = (2.0 if BAD in dialogue.reply else 7.0) + noise
        return Assessment(values=dict.fromkeys(METRIC_KEYS, value), spread={})


def main() -> None:
    database = open_database(load_settings(Path(sys.argv[1])).database_url)
    score_while_watched(database, EVALUATOR, Scripted, SampleSettings(), lambda: True)


if __name__ == "__main__":
    main()
