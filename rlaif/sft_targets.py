"""What a regressor is taught: people's ratings and replies spoilt on purpose, on one scale.

Every target is a standardised figure: (points - centre) / width of its impression, points 0..10.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlaif.faults import Example
from rlaif.fit_heads import HeadSettings, make_targets
from rlaif.metrics import METRIC_KEYS, SCALE
from rlaif.rated_dialogues import METRICS_OF_RATING, RatedDialogue
from rlaif.sft_settings import Target

Table = NDArray[np.float64]

_PRIOR_ROWS = 2.0
"""A rater's own mean is drawn to everybody's as if by this many more rows."""
_UNRATED_CENTRE, _UNRATED_WIDTH = 8.5, 2.5
"""Of an impression that nobody rated: where accepted replies stand, and a step of the scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingScale:
    """How ratings become points and points become targets.

    bounds: lowest and highest figure of each rating, by name. centre, width: [12], in points,
    metrics in the order of METRIC_KEYS.
    """

    bounds: Mapping[str, tuple[float, float]]
    centre: Table
    width: Table

    def points(self, standardised: Table) -> Table:
        """Targets or predictions [..., 12] in points, not yet bounded."""
        return self.centre + self.width * standardised


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """value, weight: [rows, 12]; weight 0 where nothing is known, and the value is 0 there."""

    value: Table
    weight: Table

    def taught(self) -> tuple[str, ...]:
        """Impressions of which anything is known."""
        known = self.weight.sum(0) > 0
        return tuple(key for key, one in zip(METRIC_KEYS, known, strict=True) if one)


def scale_of(data: Sequence[RatedDialogue], target: Target) -> RatingScale:
    """The scale of the rows that are fitted on.

    The twelve impressions are rated from 0 to 10; of a rating of another name nobody tells the
    scale, so it reaches from the lowest to the highest figure seen.
    """
    seen: dict[str, list[float]] = {}
    for one in data:
        for name, figure in one.ratings.items():
            seen.setdefault(name, []).append(figure)
    bounds = {
        name: SCALE if name in METRIC_KEYS else (min(figures), max(figures))
        for name, figures in seen.items()
        if name in METRICS_OF_RATING
    }
    points = _points(data, bounds)
    wanted = _deviations(points, data) if target == "within" else points
    centre = np.full(len(METRIC_KEYS), _UNRATED_CENTRE)
    width = np.full(len(METRIC_KEYS), _UNRATED_WIDTH)
    for column in range(len(METRIC_KEYS)):
        known = ~np.isnan(points[:, column])
        if known.any():
            centre[column] = points[known, column].mean()
            width[column] = max(float(wanted[known, column].std()), 0.1)
    return RatingScale(bounds=bounds, centre=centre, width=width)


def rated_targets(data: Sequence[RatedDialogue], scale: RatingScale, target: Target) -> Targets:
    """Targets of rated dialogues.

    `within`: a rater's habit is half of a rating's variance and unknown at use, so each rating
    becomes a deviation from the rater's own mean, which few rows leave near everybody's mean.
    """
    points = _points(data, scale.bounds)
    wanted = _deviations(points, data) if target == "within" else points - scale.centre
    known = ~np.isnan(points)
    return Targets(
        value=np.where(known, wanted, 0.0) / scale.width, weight=known.astype(np.float64)
    )


def fault_targets(examples: Sequence[Example], scale: RatingScale, total_weight: Table) -> Targets:
    """Targets of spoilt and accepted replies, each column weighing `total_weight` [12] in all.

    An accepted reply stands at the centre: that people let it pass is no praise.
    """
    settings = HeadSettings()
    made = make_targets(examples, settings)
    good, points = settings.good, made.value.double().numpy()
    weight = made.weight.double().numpy()
    sums = weight.sum(0)
    share = np.divide(total_weight, sums, out=np.zeros_like(sums), where=sums > 0)
    value = np.where(weight > 0, (points - good) * SCALE[1] / scale.width, 0.0)
    return Targets(value=value, weight=weight * share)


def _points(
    data: Sequence[RatedDialogue], bounds: Mapping[str, tuple[float, float]]
) -> NDArray[np.float64]:
    """[rows, 12] in points, the mean of the ratings that speak for an impression, NaN without."""
    points = np.full((len(data), len(METRIC_KEYS)), np.nan)
    for row, one in enumerate(data):
        found: dict[str, list[float]] = {}
        for name, figure in one.ratings.items():
            low, high = bounds.get(name, (0.0, 0.0))
            if high > low:
                share = min(max((figure - low) / (high - low), 0.0), 1.0)
                for key in METRICS_OF_RATING[name]:
                    found.setdefault(key, []).append(share * SCALE[1])
        for key, figures in found.items():
            points[row, METRIC_KEYS.index(key)] = sum(figures) / len(figures)
    return points


def _deviations(points: Table, data: Sequence[RatedDialogue]) -> Table:
    """Points less the mean of their rater; who is unnamed is everybody."""
    known = ~np.isnan(points)
    filled = np.where(known, points, 0.0)
    overall = filled.sum(0) / np.maximum(known.sum(0), 1)
    means = np.tile(overall, (len(data), 1))
    raters = np.array([one.rater for one in data])
    for rater in sorted(set(raters.tolist()) - {""}):
        own = raters == rater
        sums, counts = filled[own].sum(0), known[own].sum(0)
        means[own] = (sums + _PRIOR_ROWS * overall) / (counts + _PRIOR_ROWS)
    deviations: Table = points - means
    return deviations
