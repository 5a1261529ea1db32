"""An evaluator by the name a person gives it: the one place that knows how each is made for a report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from app.composition import chosen_card, existing_heads
from app.errors import SettingsError
from app.night_models import NightModels
from app.rated_choice import RatedChoice, load_rated
from app.settings import EvaluatorName, load_settings
from persona.card import Card
from rlaif.embedded_heads import reviews_until
from rlaif.evaluator_predictor import EvaluatorPredictor
from rlaif.evaluator_report import Subject
from rlaif.judge_evaluator import JudgeEvaluator
from rlaif.judge_preset_names import PRESET_NAMES
from rlaif.measurement_cache import MeasurementCache
from rlaif.rated_dialogues import RatedDialogue
from rlaif.trivial_baselines import HabitPredictor

_NAME: TypeAdapter[EvaluatorName] = TypeAdapter(EvaluatorName)

HABIT = "habit"
"""No evaluator at all: the means of raters, to see what a split leaks."""

USUAL_DIALOGUES: Mapping[str, int | None] = {
    "embedded": 600,
    "information": 600,
    "fed": 100,
    "zero-shot": 100,
    "judge": 40,
    **{f"judge:{preset}": 40 for preset in PRESET_NAMES},
    HABIT: None,
}
"""Names, and how many dialogues a report looks at unless told otherwise, None for all: about twenty
minutes of two cores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What a report needs of an evaluator, the data it is measured on, and its verdicts so far, which
    are kept between runs unless the data are words of this site's visitors."""

    subject: Subject
    card: Card
    data: list[RatedDialogue]
    cache: MeasurementCache


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatorWish:
    """name: of the evaluator. replies: scored of each dialogue. home, card: None for the usual ones."""

    name: str
    replies: int
    home: Path | None
    card: Path | None


def choose_evaluator(wish: EvaluatorWish, data: str, format_name: str | None) -> Chosen:
    """Make the evaluator, as a night would, and read what it is measured on.

    Reviews that its heads were fitted on are left out. Raises SettingsError, DataError or
    EvaluatorError naming what is missing.
    """
    if wish.name not in USUAL_DIALOGUES:
        known = ", ".join(USUAL_DIALOGUES)
        raise SettingsError(f"--evaluator is {wish.name!r}; expected one of {known}")
    kind, _, preset = wish.name.partition(":")
    flags: dict[str, object] = {"night": {"judge_preset": preset}} if preset else {}
    settings = load_settings(wish.home, flags)
    learnt = reviews_until(existing_heads(settings)) if wish.name == "embedded" else None
    rated = load_rated(settings, RatedChoice(data=data, format=format_name, learnt_until=learnt))
    own = chosen_card(settings, wish.card)
    if wish.name == HABIT:
        subject = Subject(
            predictor=HabitPredictor(), unit="points", evaluator=None, pair_judge=None
        )
        cache = MeasurementCache(None, subject.predictor.id, "replies")
        return Chosen(subject=subject, card=own, data=rated, cache=cache)
    evaluator = NightModels(settings, own).evaluator(_NAME.validate_python(kind))
    personal = any(one.personal for one in rated)
    folder = None if personal else settings.cache_folder / "evaluator_reports"
    cache = MeasurementCache(folder, evaluator.id, "replies")
    subject = Subject(
        predictor=EvaluatorPredictor(evaluator, cache, wish.replies),
        unit="scale",
        evaluator=evaluator,
        pair_judge=evaluator if isinstance(evaluator, JudgeEvaluator) else None,
    )
    return Chosen(subject=subject, card=own, data=rated, cache=cache)
