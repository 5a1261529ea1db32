"""How far raters agree: point figures under weights, and bootstrap intervals made of them.

A rated reply is a *unit*; its ratings stay together whenever replies are drawn. Every statistic takes
a matrix of weights, one row per draw, so that a thousand draws are a few matrix products.

Quadratic weighted kappa falls when one rater is stricter than the other; Spearman's rank correlation
does not; Krippendorff's alpha takes any number of raters with gaps.

Source: Cohen, "Weighted kappa" (Psychological Bulletin 70, 1968); Krippendorff, "Computing
Krippendorff's Alpha-Reliability" (2011); Efron and Tibshirani, "An Introduction to the Bootstrap"
(1993) for percentile intervals.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from persona.estimates import Estimate

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
_TINY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingPairs:
    """Two ratings (0..10) of one reply beside each other.

    `first`, `second`: shape (pairs,). `unit`: the reply of each pair, 0..units-1, shape (pairs,).
    """

    first: Floats
    second: Floats
    unit: Places
    units: int

    def taken(self, draws: Floats) -> Floats:
        """How often each pair counts, shape (draws, pairs), for replies drawn `draws` times each,
        shape (draws, units)."""
        return draws[:, self.unit]


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingTable:
    """What alpha needs of each reply with two ratings or more: how many, their sum, the sum of their
    squares; each of shape (units,)."""

    count: Floats
    total: Floats
    squares: Floats


def pairs_of(ratings: Sequence[Sequence[tuple[float, float]]]) -> RatingPairs:
    """Put the pairs of each reply, in the order of the replies, into arrays."""
    flat = [pair for pairs in ratings for pair in pairs]
    unit = [at for at, pairs in enumerate(ratings) for _ in pairs]
    return RatingPairs(
        first=np.array([one for one, _ in flat], dtype=np.float64),
        second=np.array([other for _, other in flat], dtype=np.float64),
        unit=np.array(unit, dtype=np.intp),
        units=len(ratings),
    )


def table_of(ratings: Sequence[Sequence[float]]) -> RatingTable:
    """Sum up the ratings of each reply; those with fewer than two say nothing and are left out."""
    rated = [np.array(values, dtype=np.float64) for values in ratings if len(values) > 1]
    return RatingTable(
        count=np.array([len(values) for values in rated], dtype=np.float64),
        total=np.array([values.sum() for values in rated], dtype=np.float64),
        squares=np.array([(values**2).sum() for values in rated], dtype=np.float64),
    )


def kappas(pairs: RatingPairs, weights: Floats) -> Floats:
    """Quadratic weighted kappa per row of `weights` (draws, pairs); NaN where nothing differs."""
    x, y = pairs.first - _centre(pairs), pairs.second - _centre(pairs)
    total = weights.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_x, mean_y = weights @ x / total, weights @ y / total
        expected = weights @ (x**2 + y**2) / total - 2 * mean_x * mean_y
        observed = weights @ (x - y) ** 2 / total
        return np.where(expected > _TINY, 1 - observed / expected, np.nan)


def spearmans(pairs: RatingPairs, weights: Floats) -> Floats:
    """Spearman's correlation per row of `weights` (draws, pairs); NaN where one side is constant."""
    x, y = weighted_ranks(pairs.first, weights), weighted_ranks(pairs.second, weights)
    total = weights.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = x - (weights * x).sum(axis=1, keepdims=True) / total
        y = y - (weights * y).sum(axis=1, keepdims=True) / total
        scale = np.sqrt((weights * x**2).sum(axis=1) * (weights * y**2).sum(axis=1))
        return np.where(scale > _TINY, (weights * x * y).sum(axis=1) / scale, np.nan)


def offsets(pairs: RatingPairs, weights: Floats) -> Floats:
    """Mean of first minus second per row of `weights` (draws, pairs), in points."""
    return _mean(pairs.first - pairs.second, weights)


def gaps(pairs: RatingPairs, weights: Floats) -> Floats:
    """Mean distance of the two per row of `weights` (draws, pairs), in points."""
    return _mean(np.abs(pairs.first - pairs.second), weights)


def alphas(table: RatingTable, weights: Floats) -> Floats:
    """Krippendorff's alpha for interval data per row of `weights` (draws, units); NaN where all
    ratings are one number.

    One minus the mean squared difference within replies over that among all ratings.
    """
    centre = table.total.sum() / table.count.sum()
    total = table.total - table.count * centre
    squares = table.squares - 2 * centre * table.total + table.count * centre**2
    within = 2 * (table.count * squares - total**2) / (table.count - 1)
    n = weights @ table.count
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = weights @ within / n
        expected = 2 * (n * (weights @ squares) - (weights @ total) ** 2) / (n * (n - 1))
        return np.where(expected > _TINY, 1 - observed / expected, np.nan)


def redraw(units: int, draws: int, seed: int) -> Floats:
    """How often each reply comes in each of `draws` samples with replacement, (draws, units)."""
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(units, np.full(units, 1 / units), size=draws)
    return np.asarray(counts, dtype=np.float64)


def interval(statistic: Callable[[Floats], Floats], draws: Floats) -> Estimate | None:
    """The figure over all replies with its 95 % percentile interval over `draws` (draws, units).

    `statistic` gives one figure per row. None where it cannot be told for the replies as they are.
    """
    units = draws.shape[1]
    value = float(statistic(np.ones((1, units)))[0])
    if not np.isfinite(value):
        return None
    return percentiles(value, statistic(draws), units)


def percentiles(value: float, drawn: Floats, n: int) -> Estimate:
    """A figure with its 95 % percentile interval over `drawn` (draws,); NaN draws are left out."""
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (value, value)
    return Estimate(value=value, low=min(float(low), value), high=max(float(high), value), n=n)


def weighted_ranks(values: Floats, weights: Floats) -> Floats:
    """Mean ranks of `values` in the sample in which each comes `weights` times, (draws, pairs)."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    order = np.argsort(place, kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    held = np.add.reduceat(weights[:, order], starts, axis=1)
    middle = np.cumsum(held, axis=1) - held / 2
    return np.asarray(middle[:, place])


def _mean(values: Floats, weights: Floats) -> Floats:
    means: Floats = weights @ values / weights.sum(axis=1)
    return means


def _centre(pairs: RatingPairs) -> float:
    """A number in the middle of the ratings: sums of squares about it do not cancel."""
    return float((pairs.first.mean() + pairs.second.mean()) / 2)
