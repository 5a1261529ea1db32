"""The embedded evaluator's rating head as a predictor of people's ratings, fitted for each split."""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from rlaif.dialogue_features import DIALOGUE_FEATURE_VERSION, DialogueFeatures, dialogue_features
from rlaif.errors import EvaluatorError
from rlaif.evaluation_only import FitMark, require_fitting
from rlaif.fit_rating_head import RatingHeadSettings, fit_rating_head, rating_rows
from rlaif.rated_dialogues import RatedDialogue
from rlaif.rating_head import Values
from rlaif.rating_predictor import Predictions
from rlaif.rating_splits import RatingSplit
from rlaif.token_means import TokenMeans

_STEADY_PROFILE = 5.0
"""Dialogues of a rater by which half of what is usual for them is believed."""


class EmbeddedPredictor:
    """Fits a rating head on `split.fit` and `split.validation` and predicts `split.test`.

    With `profiles`, what the head expects of a rater's test dialogues on average is taken off each of
    them: a person's way of writing then raises none of their dialogues above another person's. It
    needs no rating, but it looks at several dialogues of a rater at once; without it every dialogue
    is judged by itself. Features and fits are kept in memory alone, so nothing of the data stays.
    """

    learns = True

    def __init__(
        self,
        settings: RatingHeadSettings,
        reader: TokenMeans | None,
        *,
        profiles: bool,
        evaluation_only: bool = False,
    ) -> None:
        """`reader`: the base model's part, left out when None. `evaluation_only`: the holder lets it be fitted on data for evaluation only."""
        self._evaluation_only = evaluation_only
        self._settings = settings
        self._reader = reader
        self._profiles = profiles
        self._features: tuple[Sequence[RatedDialogue], DialogueFeatures] | None = None
        self._fitted: dict[tuple[object, ...], tuple[Values, Values]] = {}
        self._fitted_on = FitMark()

    @property
    def id(self) -> str:
        """Changes with whatever changes a prediction; each split has its own weights. Marked once it
        was fitted on data for evaluation only."""
        reader = "" if self._reader is None else self._reader.identity
        content = f"{DIALOGUE_FEATURE_VERSION} {self._settings} {self._profiles} {reader}"
        mark = "profiles-" if self._profiles else ""
        name = f"embedded-ratings-{mark}{hashlib.sha256(content.encode()).hexdigest()[:12]}"
        return self._fitted_on.on_id(name)

    def predict(
        self,
        data: Sequence[RatedDialogue],
        split: RatingSplit,
        names: Sequence[str],
        report: Callable[[str, float], None],
    ) -> Predictions:
        """Predict `split.test` in points of the ratings' own scale.

        Raises EvaluatorError when there is too little to fit on, DataError when the data are for
        evaluation only.
        """
        self._fitted_on = require_fitting(
            (data[n].licence for n in (*split.fit, *split.validation)),
            allowed=self._evaluation_only,
        )
        features = self._features_of(data, report)
        # The centred splits report the same rows of the same fit.
        key = (split.fit, split.validation, split.test, tuple(names))
        if key not in self._fitted:
            known = [*split.fit, *split.validation]
            if not known:
                raise EvaluatorError(
                    f"the split {split.name} leaves no dialogues to fit on; expected some: "
                    "give more data"
                )
            head = fit_rating_head(
                features.rows(known),
                rating_rows([data[n] for n in known], names),
                self._settings,
                lambda share: report(f"fitting for {split.name}", share),
            )
            self._fitted[key] = head.predict(features.rows(split.test))
        values, spread = self._fitted[key]
        if self._profiles:
            values = less_usual(values, [data[n].rater for n in split.test])
        return Predictions(values=values, spread=spread, unscored={})

    def _features_of(
        self, data: Sequence[RatedDialogue], report: Callable[[str, float], None]
    ) -> DialogueFeatures:
        if self._features is None or self._features[0] is not data:
            self._features = (data, dialogue_features(data, self._reader, report))
            self._fitted.clear()
        return self._features[1]


def less_usual(values: Values, raters: Sequence[str]) -> Values:
    """Values less how far the mean of their rater's lies from everybody's; few dialogues of a rater
    say little of what is usual, and nothing is taken off where no rater is named."""
    result = values.copy()
    everybody = values.mean(axis=0)
    places: dict[str, list[int]] = {}
    for n, rater in enumerate(raters):
        if rater:
            places.setdefault(rater, []).append(n)
    for own in places.values():
        believed = len(own) / (len(own) + _STEADY_PROFILE)
        result[own] -= believed * (values[own].mean(axis=0) - everybody)
    return np.asarray(result)
