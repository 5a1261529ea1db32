"""An adapter's standing with visitors: means and rates whose intervals know who spoke.

One visitor's replies are alike, in mood and in what is asked: a version that few people talked to
is known less well than its number of replies says. The interval is that of a ratio of sums with
visitors as clusters (linearised, Student's t with clusters - 1 degrees of freedom); the sums are
`store.version_sums`'. Two evaluators' scales are not the same, so that one figure is of one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from rlaif.metrics import SCALE
from store.scores import METRIC_COLUMNS
from store.version_sums import ScoreSums, SignalSums

NEWEST_REPLIES = 1000
_ALPHA = 0.025
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionFigure:
    """A mean or rate with its 95 % interval, None where fewer than two visitors are behind it.

    n: replies or messages; visitors: clusters with any.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    visitors: int


def score_figures(sums: Sequence[ScoreSums]) -> dict[str, dict[str, VersionFigure]]:
    """Return evaluator -> metric -> mean on 0..10, and "mean" for the mean of all twelve."""
    by_evaluator: dict[str, list[ScoreSums]] = {}
    for one in sums:
        by_evaluator.setdefault(one.evaluator, []).append(one)
    return {name: _means(some) for name, some in by_evaluator.items()}


def signal_figures(sums: Sequence[SignalSums]) -> Mapping[str, VersionFigure]:
    """Return the shares of messages asked again (`retry`) and of replies with a thumb (`up`,
    `down`), on 0..1; what has no case is missing."""
    messages = _column([one.messages for one in sums])
    replies = _column([one.replies for one in sums])
    columns = {
        "retry": (_column([one.retried for one in sums]), messages),
        "up": (_column([one.up for one in sums]), replies),
        "down": (_column([one.down for one in sums]), replies),
    }
    return {
        name: _rate(values, weights)
        for name, (values, weights) in columns.items()
        if float(weights.sum()) > 0
    }


def _means(sums: Sequence[ScoreSums]) -> dict[str, VersionFigure]:
    values = np.array([one.values for one in sums], dtype=np.float64)
    weights = _column([one.replies for one in sums])
    columns = {name: values[:, at] for at, name in enumerate(METRIC_COLUMNS)}
    columns["mean"] = values.mean(axis=1)
    return {name: _mean(one, weights) for name, one in columns.items()}


def _mean(values: Floats, weights: Floats) -> VersionFigure:
    """Sum of values over sum of weights, an entry per visitor; the interval stays on the scale."""
    ratio = _ratio(values, weights)
    half = None if ratio.error is None else _quantile(ratio.visitors) * ratio.error
    least, most = SCALE
    return VersionFigure(
        value=ratio.value,
        low=None if half is None else max(least, ratio.value - half),
        high=None if half is None else min(most, ratio.value + half),
        n=ratio.n,
        visitors=ratio.visitors,
    )


def _rate(values: Floats, weights: Floats) -> VersionFigure:
    """As `_mean` for a share, with Wilson's interval over as many independent cases as the spread
    between visitors leaves of them; where nobody or everybody did it, over the visitors alone."""
    ratio = _ratio(values, weights)
    share, low, high = ratio.value, None, None
    if ratio.error is not None:
        worth = share * (1 - share) / ratio.error**2 if ratio.error > 0 else float(ratio.visitors)
        square = _quantile(ratio.visitors) ** 2
        centre = (share + square / (2 * worth)) / (1 + square / worth)
        half = math.sqrt(square * (share * (1 - share) / worth + square / (4 * worth**2)))
        half /= 1 + square / worth
        low, high = max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half))
    return VersionFigure(value=share, low=low, high=high, n=ratio.n, visitors=ratio.visitors)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ratio:
    """`error`: its standard error with visitors as clusters, None for fewer than two."""

    value: float
    error: float | None
    n: int
    visitors: int


def _ratio(values: Floats, weights: Floats) -> _Ratio:
    spoke = weights > 0
    values, weights = values[spoke], weights[spoke]
    count, total = len(weights), float(weights.sum())
    share = float(values.sum()) / total
    error = None
    if count > 1:
        influence = (values - share * weights) / total
        error = math.sqrt(count / (count - 1) * float((influence**2).sum()))
    return _Ratio(value=share, error=error, n=round(total), visitors=count)


def _quantile(visitors: int) -> float:
    return float(t.isf(_ALPHA, visitors - 1))


def _column(values: Sequence[int]) -> Floats:
    return np.array(values, dtype=np.float64)
