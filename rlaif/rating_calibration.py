"""How far predicted ratings can be taken at their word: by tenths, with lines that were not fitted on
the dialogues they are drawn through."""

from dataclasses import dataclass

import numpy as np
from sklearn.isotonic import IsotonicRegression

from persona.estimates import Estimate
from rlaif.agreement_statistics import Floats
from rlaif.rating_figures import FEWEST_CLUSTERS, Clusters, estimate_of

_FOLDS = 5
_TENTHS = 10
_KNOTS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenth:
    """Rows with neighbouring predictions: their mean prediction, and how people rated them."""

    predicted: float
    rated: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Predictions beside ratings, in the rating's points.

    tenths: of predictions as given, in the order of size. isotonic: the rising line nearest to the
    ratings, as (prediction, rating), the outermost fiftieths left out. error: expected calibration error, the mean distance of the
    tenths from what they promise: as given (None when predictions are in no unit of ratings), and
    after a line and a rising line fitted on other dialogues. explained: share of the ratings' variance
    that the rising line foretells, below 0 when the mean would do better. The error alone says
    little: whoever always predicts the mean has none.
    """

    tenths: tuple[Tenth, ...]
    isotonic: tuple[tuple[float, float], ...]
    error_as_given: Estimate | None
    error_after_line: Estimate | None
    error_after_isotonic: Estimate | None
    explained: Estimate | None


def calibrate(
    predicted: Floats, rated: Floats, clusters: Clusters, *, in_points: bool
) -> Calibration | None:
    """Calibration of predictions (rows,) against ratings (rows,); None below FEWEST_CLUSTERS clusters,
    or when the predictions do not vary. `in_points`: predictions are in the unit of the ratings."""
    units = len(np.unique(clusters.unit))
    if units < FEWEST_CLUSTERS or np.ptp(predicted) == 0:
        return None
    fold = clusters.unit % _FOLDS
    by_line, by_isotonic, by_mean = np.empty_like(rated), np.empty_like(rated), rated.copy()
    for one in range(_FOLDS):
        held_out, rest = fold == one, fold != one
        slope, start = np.polyfit(predicted[rest], rated[rest], 1)
        by_line[held_out] = start + slope * predicted[held_out]
        by_isotonic[held_out] = _rising(predicted[rest], rated[rest], predicted[held_out])
        by_mean[held_out] = rated[rest].mean()
    weights = clusters.counts[:, clusters.unit]
    lost, at_stake = weights @ (rated - by_isotonic) ** 2, weights @ (rated - by_mean) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        explained = np.where(at_stake > 0, 1 - lost / at_stake, np.nan)
    grid = np.quantile(predicted, np.linspace(0.02, 0.98, _KNOTS))
    return Calibration(
        tenths=_tenths(predicted, rated, weights, units),
        isotonic=tuple(
            (float(x), float(y)) for x, y in zip(grid, _rising(predicted, rated, grid), strict=True)
        ),
        error_as_given=_error(predicted, rated, weights, units) if in_points else None,
        error_after_line=_error(by_line, rated, weights, units),
        error_after_isotonic=_error(by_isotonic, rated, weights, units),
        explained=estimate_of(explained, units),
    )


def _rising(predicted: Floats, rated: Floats, asked: Floats) -> Floats:
    line = IsotonicRegression(out_of_bounds="clip").fit(predicted, rated)
    return np.asarray(line.predict(asked), dtype=np.float64)


def _bins(predicted: Floats) -> list[Floats]:
    """Tenths by size as rows' shares of 0 or 1; fewer when predictions are tied across their edges."""
    edges = np.unique(np.quantile(predicted, np.linspace(0, 1, _TENTHS + 1))[1:-1])
    place = np.searchsorted(edges, predicted, side="left")
    return [(place == at).astype(np.float64) for at in range(len(edges) + 1) if (place == at).any()]


def _error(predicted: Floats, rated: Floats, weights: Floats, units: int) -> Estimate | None:
    total = weights.sum(axis=1)
    gaps = [np.abs(weights @ (own * (predicted - rated))) for own in _bins(predicted)]
    with np.errstate(divide="ignore", invalid="ignore"):
        return estimate_of(np.asarray(np.sum(gaps, axis=0) / total), units)


def _tenths(predicted: Floats, rated: Floats, weights: Floats, units: int) -> tuple[Tenth, ...]:
    found = []
    for own in _bins(predicted):
        with np.errstate(divide="ignore", invalid="ignore"):
            means = (weights @ (own * rated)) / (weights @ own)
        estimate = estimate_of(np.asarray(means), units)
        if estimate is not None:
            found.append(
                Tenth(
                    predicted=float(predicted[own > 0].mean()),
                    rated=Estimate(
                        value=estimate.value,
                        low=estimate.low,
                        high=estimate.high,
                        n=int(own.sum()),
                    ),
                )
            )
    return tuple(found)
