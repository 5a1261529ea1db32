"""An evaluator by the name a person gives it: the one place that knows how each is made for a report."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from app.composition import chosen_card, existing_heads
from app.errors import SettingsError
from app.night_models import NightModels
from app.rated_choice import RatedChoice, load_rated
from app.settings import EvaluatorName, Settings, load_settings
from persona.card import Card
from rlaif.embedded_heads import reviews_until
from rlaif.embedded_predictor import EmbeddedPredictor
from rlaif.evaluator_predictor import EvaluatorPredictor
from rlaif.evaluator_report import Subject
from rlaif.fit_rating_head import RatingHeadSettings
from rlaif.judge_evaluator import JudgeEvaluator
from rlaif.judge_preset_names import PRESET_NAMES
from rlaif.measurement_cache import MeasurementCache
from rlaif.rated_dialogues import RatedDialogue
from rlaif.sft_folder import MANIFEST
from rlaif.sft_predictor import PredictorSettings, SftPredictor
from rlaif.sft_settings import TrainingBounds
from rlaif.token_means import TokenMeans
from rlaif.trivial_baselines import HabitPredictor

_NAME: TypeAdapter[EvaluatorName] = TypeAdapter(EvaluatorName)

_PRESETS = frozenset(f"judge:{preset}" for preset in PRESET_NAMES)
_FOLDER = "evaluator_reports"

HABIT = "habit"
"""No evaluator at all: the means of raters, to see what a split leaks."""

USUAL_DIALOGUES: Mapping[str, int | None] = {
    "embedded": None,
    "embedded:profiles": None,
    "embedded:replies": 600,
    "information": 600,
    "fed": 100,
    "sft": None,
    "sft:kept": 300,
    "zero-shot": 100,
    "judge": 40,
    **{f"judge:{preset}": 40 for preset in PRESET_NAMES},
    HABIT: None,
}
"""Names, and how many dialogues a report looks at unless told otherwise, None for all: about twenty
minutes of two cores.

`embedded` is the rating head, fitted for each split; `embedded:profiles` the same less what is usual
for a rater; `embedded:replies` the heads of the night as they score replies. `sft` is a regressor
fitted for each split within a budget, `sft:kept` the one that `evaluator fit` left.
"""


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
    """name: of the evaluator. replies: scored of each dialogue. minutes: of fitting a regressor for one
    split. evaluation_only: the holder's word that it may be fitted on such data. home, card: None for
    the usual ones."""

    name: str
    replies: int
    minutes: float
    evaluation_only: bool
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
    flags: dict[str, object] = {"night": {"judge_preset": preset}} if wish.name in _PRESETS else {}
    settings = load_settings(wish.home, flags)
    learnt = reviews_until(existing_heads(settings)) if kind == "embedded" else None
    rated = load_rated(settings, RatedChoice(data=data, format=format_name, learnt_until=learnt))
    own = chosen_card(settings, wish.card)
    models = NightModels(settings, own)
    folder = None if any(one.personal for one in rated) else settings.cache_folder / _FOLDER
    if wish.name in ("embedded", "embedded:profiles", "sft", HABIT):
        subject = _learner(wish, models, settings, folder)
        scorer = subject.evaluator
        name = subject.predictor.id if scorer is None else scorer.id
        cache = MeasurementCache(None if scorer is None else folder, name, "replies")
        return Chosen(subject=subject, card=own, data=rated, cache=cache)
    evaluator = models.evaluator(_NAME.validate_python(kind))
    cache = MeasurementCache(folder, evaluator.id, "replies")
    subject = Subject(
        predictor=EvaluatorPredictor(evaluator, cache, wish.replies),
        unit="scale",
        evaluator=evaluator,
        pair_judge=evaluator if isinstance(evaluator, JudgeEvaluator) else None,
    )
    return Chosen(subject=subject, card=own, data=rated, cache=cache)


def _learner(
    wish: EvaluatorWish, models: NightModels, settings: Settings, folder: Path | None
) -> Subject:
    """What is fitted for each split; faults are shown to the evaluator of its kind that is there."""
    if wish.name == HABIT:
        return Subject(predictor=HabitPredictor(), unit="points", evaluator=None, pair_judge=None)
    if wish.name == "sft":
        if folder is None:
            raise SettingsError(
                "--evaluator sft keeps what it fits on disk, which visitors' words may not reach; "
                "measure the kept one on reviews: --evaluator sft:kept"
            )
        kept = (settings.sft_folder / MANIFEST).is_file()
        return Subject(
            predictor=SftPredictor(
                models.frozen_base,
                PredictorSettings(
                    bounds=TrainingBounds(minutes=wish.minutes),
                    evaluation_only=wish.evaluation_only,
                ),
                folder / "sft",
            ),
            unit="any",
            evaluator=models.evaluator("sft") if kept else None,
            pair_judge=None,
        )
    predictor = EmbeddedPredictor(
        RatingHeadSettings(),
        TokenMeans(models.frozen_base),
        profiles=wish.name == "embedded:profiles",
        evaluation_only=wish.evaluation_only,
    )
    return Subject(
        predictor=predictor, unit="points", evaluator=models.embedded_evaluator(), pair_judge=None
    )
