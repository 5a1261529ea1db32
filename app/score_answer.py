"""Scoring a few dialogues in another process: no second model inside the server."""

import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from app.night_service import night_memory_bytes
from app.settings import Settings
from rlaif.evaluator import Assessment, Dialogue, Unscored
from scheduler.bounded_process import Bounds
from scheduler.errors import ChildError
from scheduler.inquiry import inquire

_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreAnswer:
    """One verdict per dialogue, in order, and the id of the evaluator that gave them."""

    evaluator: str
    verdicts: tuple[Assessment | Unscored, ...]


def score_apart(
    settings: Settings, dialogues: Sequence[Dialogue], stop: threading.Event
) -> ScoreAnswer:
    """Return the training evaluator's verdicts. Raises ChildError."""
    answer = inquire(
        [sys.executable, "-m", "app.score_child", str(settings.home)],
        TypeAdapter(list[Dialogue]).dump_json(list(dialogues)),
        Bounds(
            nice=19,
            memory_bytes=night_memory_bytes(settings.night),
            environment={"YOGEIKO_SERVER_HOST": settings.server.host},
        ),
        stop,
        _SECONDS,
    )
    try:
        return TypeAdapter(ScoreAnswer).validate_json(answer)
    except ValidationError as error:
        raise ChildError("what scores answered nothing that can be read; try again") from error
