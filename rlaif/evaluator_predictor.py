"""Any evaluator as a predictor of ratings: it scores some replies of a dialogue, and their mean counts."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from rlaif.agreement_statistics import Floats
from rlaif.cached_verdicts import cached_verdicts, verdict_key
from rlaif.errors import EvaluatorError
from rlaif.evaluator import Assessment, Dialogue, Evaluator, Unscored
from rlaif.measurement_cache import MeasurementCache
from rlaif.metrics import METRIC_KEYS
from rlaif.rated_dialogues import METRICS_OF_RATING, RatedDialogue
from rlaif.rating_predictor import Predictions, Values
from rlaif.rating_splits import RatingSplit

_BATCH = 16
"""Verdicts that a stopped run loses at most."""
_NO_REPLY = "the rated one never answers"


class EvaluatorPredictor:
    """Never looks at a rating. A rating is predicted by the mean of the impressions it stands for
    (METRICS_OF_RATING), in points of 0..10; one that stands for none stays NaN.

    Verdicts are kept in `cache`: a reply is scored once for all splits, and by a stopped run for the
    next one.
    """

    learns = False

    def __init__(self, evaluator: Evaluator, cache: MeasurementCache, replies: int = 3) -> None:
        """`replies`: how many of each dialogue are scored, evenly spread, the last among them."""
        self._evaluator = evaluator
        self._cache = cache
        self._replies = replies
        self._failed: dict[str, Unscored] = {}

    @property
    def id(self) -> str:
        """The evaluator's own id."""
        return self._evaluator.id

    @property
    def replies(self) -> int:
        """Replies that are scored of each dialogue, at most."""
        return self._replies

    def predict(
        self,
        data: Sequence[RatedDialogue],
        split: RatingSplit,
        names: Sequence[str],
        report: Callable[[str, float], None],
    ) -> Predictions:
        """Predict `split.test`. Raises EvaluatorError when not one row can be scored, or no rating
        stands for an impression."""
        if not set(names) & set(METRICS_OF_RATING):
            raise EvaluatorError(
                f"the ratings are {', '.join(names)}, and {self.id} scores impressions; expected at "
                f"least one of {', '.join(METRICS_OF_RATING)}: rename the columns of the data"
            )
        impressions, unscored = self.impressions([data[n] for n in split.test], report)
        if len(split.test) and not np.isfinite(impressions).any():
            reason = max(unscored, key=lambda one: unscored[one])
            raise EvaluatorError(
                f"{self.id} scored none of {len(split.test)} dialogues (most often: {reason}); "
                "score one with `yogeiko evaluator score` to see what is wrong"
            )
        return Predictions(values=as_ratings(impressions, names), spread=None, unscored=unscored)

    def impressions(
        self, data: Sequence[RatedDialogue], report: Callable[[str, float], None]
    ) -> tuple[Values, Mapping[str, int]]:
        """Means over each dialogue's scored replies, [dialogues, 12] in the order of METRIC_KEYS, NaN
        where none could be scored; and how many dialogues these are, by reason."""
        exchanges = [one.exchanges(self._replies) for one in data]
        flat = [dialogue for own in exchanges for dialogue in own]
        verdicts = iter(self._verdicts(flat, report))
        values = np.full((len(data), len(METRIC_KEYS)), np.nan)
        unscored: Counter[str] = Counter()
        for n, own in enumerate(exchanges):
            given = [next(verdicts) for _ in own]
            scored = [one for one in given if isinstance(one, Assessment)]
            if scored:
                values[n] = np.mean(
                    [[one.values[key] for key in METRIC_KEYS] for one in scored], axis=0
                )
            else:
                reasons = [one.reason for one in given if isinstance(one, Unscored)]
                unscored[reasons[0] if reasons else _NO_REPLY] += 1
        return values, dict(unscored)

    def _verdicts(
        self, dialogues: Sequence[Dialogue], report: Callable[[str, float], None]
    ) -> list[Assessment | Unscored]:
        """What failed once in this run is not asked for again."""
        keys = [verdict_key(self.id, dialogue) for dialogue in dialogues]
        open_ones = [
            dialogue
            for key, dialogue in zip(keys, dialogues, strict=True)
            if key not in self._failed
        ]
        given = iter(
            cached_verdicts(
                self._evaluator,
                open_ones,
                self._cache,
                lambda done, total: report(f"scoring {total} replies", done / total),
                batch=_BATCH,
            )
        )
        verdicts = [self._failed.get(key) or next(given) for key in keys]
        self._failed |= {
            key: one for key, one in zip(keys, verdicts, strict=True) if isinstance(one, Unscored)
        }
        return verdicts


def as_ratings(impressions: Floats, names: Sequence[str]) -> Floats:
    """[rows, 12] impressions as [rows, names] ratings; NaN for a rating without an impression."""
    columns = [
        impressions[:, [METRIC_KEYS.index(key) for key in METRICS_OF_RATING[name]]].mean(axis=1)
        if name in METRICS_OF_RATING
        else np.full(len(impressions), np.nan)
        for name in names
    ]
    return np.stack(columns, axis=1) if columns else np.empty((len(impressions), 0))
