"""The process that scores a few dialogues for an operator: `python -m app.score_child HOME`.

The dialogues come as JSON on standard input; the last line on standard output is the answer.
"""

import sys
from pathlib import Path

from pydantic import TypeAdapter

from app.composition import chosen_card
from app.night_models import NightModels
from app.score_answer import ScoreAnswer
from app.settings import load_settings
from rlaif.evaluator import Dialogue

_QUESTION = TypeAdapter(list[Dialogue])
_ANSWER = TypeAdapter(ScoreAnswer)


def main(arguments: list[str]) -> int:
    """Score with the training evaluator of a home folder."""
    dialogues = _QUESTION.validate_json(sys.stdin.buffer.read())
    settings = load_settings(Path(arguments[0]))
    evaluator = NightModels(settings, chosen_card(settings)).training_evaluator()
    answer = ScoreAnswer(evaluator=evaluator.id, verdicts=tuple(evaluator.assess(dialogues)))
    sys.stdout.buffer.write(b"\n" + _ANSWER.dump_json(answer) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
