"""What scoring replies costs: processor seconds of this process, per 1,000 replies of the card.

    python -m tests.benchmarks.evaluator_costs [REPLIES]

Each evaluator scores two replies first, so that loading and warming up are not counted. Judges
behind an endpoint are left out: their seconds are the endpoint's (docs/judges.md).
"""

import sys
import time

from app.composition import chosen_card
from app.night_models import NightModels
from app.settings import EvaluatorName, load_settings
from persona.dialogues import read_card_rows
from persona.engine import Message
from rlaif.evaluator import Dialogue

_NAMES: tuple[EvaluatorName, ...] = ("embedded", "information", "fed", "zero-shot")


def main() -> None:
    """Print a row per evaluator."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    settings = load_settings(None)
    card = chosen_card(settings)
    rows = [row for row in read_card_rows(card.folder, "validation") if row.kind == "style"]
    dialogues = [
        Dialogue(
            turns=(*row.history, Message(role="user", content=row.user)),
            reply=row.reply,
            facts=row.facts,
        )
        for row in rows[: count + 2]
    ]
    models = NightModels(settings, card)
    for name in _NAMES:
        evaluator = models.evaluator(name)
        evaluator.assess(dialogues[:2])
        began = time.process_time()
        evaluator.assess(dialogues[2:])
        seconds = time.process_time() - began
        done = len(dialogues) - 2
        sys.stdout.write(f"{name:<12} {1000 * seconds / done:8.0f} s per 1,000 ({done} scored)\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
