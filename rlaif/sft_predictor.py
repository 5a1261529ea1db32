"""Regressors beside people's ratings: one fitted for each split, within a bounded budget."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from persona.base_model import LoadedModel
from rlaif.errors import EvaluatorError
from rlaif.evaluation_only import FitMark, require_fitting
from rlaif.metrics import METRIC_KEYS
from rlaif.rated_dialogues import METRICS_OF_RATING, RatedDialogue
from rlaif.rating_predictor import Predictions
from rlaif.rating_splits import RatingSplit
from rlaif.sft_model import Regressor
from rlaif.sft_plan import RowBudget, drawn_rows, fingerprint, rated_rows
from rlaif.sft_rows import FitRows
from rlaif.sft_settings import RegressorSettings, TrainingBounds
from rlaif.sft_targets import scale_of
from rlaif.sft_training import RegressorRun, predict_rows, train_regressor

OUTSIDE_SAMPLE = "outside the sample that was read"


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictorSettings:
    """How a regressor of whole dialogues is fitted, and what a fit per split may cost.
    `evaluation_only`: the holder lets it be fitted on data that came for evaluation only."""

    regressor: RegressorSettings = field(
        default_factory=lambda: RegressorSettings(pooled=("rated",))
    )
    rows: RowBudget = field(default_factory=RowBudget)
    bounds: TrainingBounds = field(default_factory=TrainingBounds)
    evaluation_only: bool = False


class SftPredictor:
    """Fits on `split.fit`, stops by `split.validation`, predicts whole dialogues of `split.test`.

    No spoilt reply is added: the report measures those apart. Splits that put aside the same
    dialogues share a fit. Values are standardised figures. Fits are kept under `work_folder` and
    interrupted ones go on.
    """

    learns = True

    def __init__(self, loaded: LoadedModel, settings: PredictorSettings, work_folder: Path) -> None:
        digest = hashlib.sha256(json.dumps([loaded.sha256, asdict(settings)]).encode())
        self._name = f"sft-fit-{digest.hexdigest()[:12]}"
        self._fitted_on = FitMark()
        self._loaded = loaded
        self._settings = settings
        self._work_folder = work_folder
        self._done: dict[tuple[tuple[int, ...], ...], Predictions] = {}

    @property
    def id(self) -> str:
        """Names base and settings; marked once it was fitted on data for evaluation only."""
        return self._fitted_on.on_id(self._name)

    def predict(
        self,
        data: Sequence[RatedDialogue],
        split: RatingSplit,
        names: Sequence[str],
        report: Callable[[str, float], None],
    ) -> Predictions:
        """Predictions of the drawn test rows; the others are unscored.

        Raises EvaluatorError when no name stands for an impression or rows are missing.
        """
        known = {name: METRICS_OF_RATING[name] for name in names if name in METRICS_OF_RATING}
        if not known:
            raise EvaluatorError(
                f"ratings are {', '.join(names)}; expected some of {', '.join(METRICS_OF_RATING)}"
            )
        parts = (split.fit, split.validation, split.test)
        if parts not in self._done:
            self._done[parts] = self._predict(data, split, report)
        twelve = self._done[parts]
        assert twelve.spread is not None
        values = np.full((len(split.test), len(names)), np.nan)
        spread = np.full_like(values, np.nan)
        for column, name in enumerate(names):
            own = [METRIC_KEYS.index(key) for key in known.get(name, ())]
            if own:
                values[:, column] = twelve.values[:, own].mean(1)
                spread[:, column] = twelve.spread[:, own].mean(1)
        return Predictions(values=values, spread=spread, unscored=twelve.unscored)

    def _predict(
        self,
        data: Sequence[RatedDialogue],
        split: RatingSplit,
        report: Callable[[str, float], None],
    ) -> Predictions:
        """Of all twelve impressions, in place of names."""
        settings = self._settings
        budget, how = settings.rows, settings.regressor
        fitted = [data[n] for n in drawn_rows(data, split.fit, budget.fit, budget.seed)]
        stopped = [
            data[n] for n in drawn_rows(data, split.validation, budget.validation, budget.seed)
        ]
        chosen = drawn_rows(data, split.test, budget.test, budget.seed)
        self._fitted_on = require_fitting(
            (one.licence for one in (*fitted, *stopped)), allowed=settings.evaluation_only
        )
        scale = scale_of(fitted, how.target)
        tokenizer = self._loaded.tokenizer
        rows, validation = (rated_rows(part, scale, how, tokenizer) for part in (fitted, stopped))
        run = RegressorRun(
            rows=rows,
            validation=validation,
            settings=how,
            work_folder=self._work_folder
            / fingerprint(self._loaded.sha256, how, [rows, validation]),
            report=report,
            bounds=settings.bounds,
        )
        regressor = Regressor(self._loaded, how)
        train_regressor(regressor, run)
        # Test rows carry no targets: nobody's rating of them is looked at.
        readings = rated_rows([_unrated(data[n]) for n in chosen], scale, how, tokenizer)
        return _placed(
            split.test, chosen, self._members(regressor, readings, report), len(METRIC_KEYS)
        )

    @staticmethod
    def _members(
        regressor: Regressor, rows: FitRows, report: Callable[[str, float], None]
    ) -> np.ndarray:
        table: np.ndarray = (
            predict_rows(regressor, rows, lambda share: report("test dialogues", share))
            .double()
            .numpy()
        )
        return table


def _unrated(one: RatedDialogue) -> RatedDialogue:
    return RatedDialogue(
        group=one.group, messages=one.messages, rater=one.rater, system=one.system, ratings={},
        licence=one.licence,
    )  # fmt: skip


def _placed(
    test: Sequence[int], chosen: Sequence[int], members: np.ndarray, width: int
) -> Predictions:
    place = {row: n for n, row in enumerate(test)}
    values = np.full((len(test), width), np.nan)
    spread = np.full_like(values, np.nan)
    own = [place[row] for row in chosen]
    values[own], spread[own] = members.mean(0), members.std(0)
    missing = len(test) - len(chosen)
    return Predictions(
        values=values, spread=spread, unscored={OUTSIDE_SAMPLE: missing} if missing else {}
    )
