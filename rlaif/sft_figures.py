"""What held-out people and held-out faults say of a regressor."""

from collections.abc import Mapping, Sequence

import numpy as np

from persona.estimates import Estimate
from rlaif.agreement_statistics import Floats, interval, pairs_of, redraw, spearmans
from rlaif.metrics import METRIC_KEYS
from rlaif.rated_dialogues import METRICS_OF_RATING, RatedDialogue, rating_names
from rlaif.sft_targets import Table

_DRAWS = 1000
MEAN = "mean"


def rating_estimates(
    data: Sequence[RatedDialogue], values: Table, seed: int = 5
) -> dict[str, Estimate]:
    """Spearman's rho of predictions [rows, 12] with each rating that stands for an impression, and
    the mean over them; intervals from drawing whole dialogues. Ratings are taken as given."""
    groups = list(dict.fromkeys(one.group for one in data))
    draws = redraw(len(groups), _DRAWS, seed)
    statistics = {}
    for name in rating_names(data):
        if name in METRICS_OF_RATING:
            statistics[name] = _Correlation(name, groups, data, values)
    found = {name: interval(one, draws) for name, one in statistics.items()}
    known = {name: estimate for name, estimate in found.items() if estimate is not None}
    if known:
        together = interval(
            lambda weights: np.mean([statistics[name](weights) for name in known], axis=0), draws
        )
        if together is not None:
            known[MEAN] = together
    return known


class _Correlation:
    """Spearman's rho of one rating under drawn dialogues."""

    def __init__(
        self, name: str, groups: Sequence[str], data: Sequence[RatedDialogue], values: Table
    ) -> None:
        own = values[:, [METRIC_KEYS.index(key) for key in METRICS_OF_RATING[name]]].mean(1)
        pairs: dict[str, list[tuple[float, float]]] = {group: [] for group in groups}
        for one, predicted in zip(data, own.tolist(), strict=True):
            if name in one.ratings:
                pairs[one.group].append((predicted, one.ratings[name]))
        self._pairs = pairs_of([pairs[group] for group in groups])

    def __call__(self, draws: Floats) -> Floats:
        return spearmans(self._pairs, self._pairs.taken(draws))


def estimates_json(found: Mapping[str, Estimate]) -> dict[str, object]:
    """Figures as they stand in a manifest."""
    return {
        name: {
            "rho": round(one.value, 3),
            "interval": [round(one.low, 3), round(one.high, 3)],
            "dialogues": one.n,
        }
        for name, one in found.items()
    }
