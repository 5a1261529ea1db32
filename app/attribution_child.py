"""The process that attributes one reply for an operator: `python -m app.attribution_child HOME`.

The question comes as JSON on standard input; lines `done/planned` go to standard error, the
attribution as JSON to standard output. Exit 1 with a sentence as the last complaint when it cannot be
told.
"""

import sys
from pathlib import Path

from pydantic import TypeAdapter

from app.attribution_question import AttributionQuestion
from app.attribution_run import Attributor
from app.errors import AppError
from app.settings import load_settings
from persona.errors import PersonaError
from rlaif.attribution import Attribution, AttributionSettings
from rlaif.errors import NightError

_QUESTION = TypeAdapter(AttributionQuestion)
_ANSWER = TypeAdapter(Attribution)


def main(arguments: list[str]) -> int:
    """Attribute with the embedded evaluator of a home folder."""
    question = _QUESTION.validate_json(sys.stdin.buffer.read())
    try:
        attributor = Attributor(load_settings(Path(arguments[0])), "embedded", None)
        answer = attributor.attribute(
            question.dialogue, question.metric, question.method, AttributionSettings(), _tell
        )
    except (AppError, PersonaError, NightError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.buffer.write(_ANSWER.dump_json(answer))
    return 0


def _tell(done: int, planned: int | None) -> None:
    sys.stderr.write(f"{done}/{planned or done}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
