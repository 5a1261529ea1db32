"""An evaluator by the name a person gives it: the one place that knows how each is made for a report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.composition import chosen_card
from app.night_models import NightModels
from app.settings import load_settings
from persona.card import Card
from rlaif.evaluator_predictor import EvaluatorPredictor
from rlaif.evaluator_report import Subject
from rlaif.judge_evaluator import JudgeEvaluator
from rlaif.measurement_cache import MeasurementCache

USUAL_DIALOGUES: Mapping[str, int] = {
    "embedded": 600,
    "information": 600,
    "fed": 200,
    "judge": 40,
}
"""Names, and how many dialogues a report looks at unless told otherwise: about twenty minutes of two
cores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What a report needs of an evaluator. cache: its verdicts so far, kept between runs."""

    subject: Subject
    card: Card
    cache: MeasurementCache


def choose_evaluator(name: str, home: Path | None, card: Path | None, replies: int) -> Chosen:
    """Make the evaluator `name`, as the night's gate would be made; `replies` are scored a dialogue.

    Raises SettingsError or EvaluatorError naming what is missing.
    """
    settings = load_settings(home, {"night": {"gate_evaluator": name}})
    own = chosen_card(settings, card)
    evaluator = NightModels(settings, own).gate_evaluator()
    cache = MeasurementCache(settings.cache_folder / "evaluator_reports", evaluator.id, "replies")
    return Chosen(
        subject=Subject(
            predictor=EvaluatorPredictor(evaluator, cache, replies),
            unit="scale",
            evaluator=evaluator,
            pair_judge=evaluator if isinstance(evaluator, JudgeEvaluator) else None,
        ),
        card=own,
        cache=cache,
    )
