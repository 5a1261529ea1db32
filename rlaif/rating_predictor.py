"""What is put beside people's ratings: anything that gives a number per dialogue and rating."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rlaif.rated_dialogues import RatedDialogue
from rlaif.rating_splits import RatingSplit

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """values: [test rows, names], any unit, NaN where unscored. spread: its standard deviation,
    same shape and unit, None without an ensemble. unscored: how many rows, by reason."""

    values: Values
    spread: Values | None
    unscored: Mapping[str, int]


class RatingPredictor(Protocol):
    """Predicts ratings of the test rows of a split."""

    @property
    def id(self) -> str:
        """The evaluator's id, as stored with scores."""

    @property
    def learns(self) -> bool:
        """Whether it is fitted anew for each split; otherwise it never looks at a rating."""

    def predict(
        self,
        data: Sequence[RatedDialogue],
        split: RatingSplit,
        names: Sequence[str],
        report: Callable[[str, float], None],
    ) -> Predictions:
        """Look at ratings of `split.fit` and `split.validation` only, and predict `split.test`.

        `report` is told a stage and its share, 0..1. Raises EvaluatorError when nothing can be
        predicted at all.
        """
