"""Figures of evaluators beside people's ratings: correlations with their intervals, in one pass.

Rows that belong together (one dialogue rated twice, one rater's dialogues) are drawn together: a
*cluster*. For each draw all columns are ranked again and correlated with each other at once; every
figure of the report (Spearman, partial Spearman, means of them, dimensions) is read off these matrices,
so that figures beside each other come from the same draws.

Source: Efron and Tibshirani, "An Introduction to the Bootstrap" (1993); Holm, "A Simple Sequentially
Rejective Multiple Test Procedure" (Scandinavian Journal of Statistics 6, 1979).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from persona.estimates import Estimate
from rlaif.agreement_statistics import Floats, Places, percentiles, redraw, weighted_ranks

FEWEST_CLUSTERS = 10
"""Below this many dialogues or raters an interval would only seem to say something."""

_CELLS_AT_ONCE = 4_000_000
_TINY = 1e-12
_SURELY = 1 - 1e-9
_DECIMALS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Clusters:
    """Which rows are drawn together. unit: the cluster of each row, shape (rows,). counts: how often
    each cluster comes, shape (1 + draws, clusters); the first row is the data as they are."""

    unit: Places
    counts: Floats


def make_clusters(groups: Sequence[str], draws: int, seed: int) -> Clusters:
    """Draw whole groups with replacement; equal groups and seed give equal draws."""
    names, unit = np.unique(np.array(groups, dtype=object), return_inverse=True)
    as_is = np.ones((1, len(names)))
    drawn = redraw(len(names), draws, seed) if len(names) else np.zeros((draws, 0))
    return Clusters(unit=unit.astype(np.intp), counts=np.concatenate([as_is, drawn]))


def rank_correlations(columns: Floats, clusters: Clusters, rows: Places) -> Floats:
    """Spearman's correlations of all columns with each other, draw by draw.

    columns: [all rows, k] without NaN in `rows`, the places that are used. Returns [1 + draws, k, k],
    the data as they are first; NaN beside a column that does not vary.
    """
    used = columns[rows]
    unit = clusters.unit[rows]
    draws, width = len(clusters.counts), used.shape[1]
    found = np.full((draws, width, width), np.nan)
    if not len(rows):
        return found
    step = max(1, _CELLS_AT_ONCE // (len(rows) * max(width, 1)))
    for start in range(0, draws, step):
        weights = clusters.counts[start : start + step][:, unit]
        ranks = np.stack([weighted_ranks(used[:, at], weights) for at in range(width)], axis=1)
        total = weights.sum(axis=1)[:, None, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            ranks -= (ranks * weights[:, None, :]).sum(axis=2, keepdims=True) / total
            ranks *= np.sqrt(weights)[:, None, :]
            products = ranks @ ranks.transpose(0, 2, 1)
            scale = np.sqrt(np.einsum("dkk->dk", products))
            # What does not vary is left with rounding errors of its ranks, which grow with the rows.
            scale = np.where(scale > _TINY * len(rows) ** 2, scale, np.nan)
            found[start : start + step] = products / (scale[:, :, None] * scale[:, None, :])
    return np.asarray(np.clip(found, -1.0, 1.0))


def estimate_of(found: Floats, n: int) -> Estimate | None:
    """A figure [1 + draws], the data as they are first, with its interval; `n` clusters.

    None where it cannot be told, or has fewer than FEWEST_CLUSTERS behind it.
    """
    value = float(found[0])
    if n < FEWEST_CLUSTERS or not math.isfinite(value):
        return None
    return percentiles(value, found[1:], n)


def partial(first: Floats, second: Floats, third: Floats) -> Floats:
    """Correlation of a and b with c held fixed. first: of a, b; second: of a, c; third: of b, c."""
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.sqrt((1 - second**2) * (1 - third**2))
        return np.where(scale > _TINY, (first - second * third) / scale, np.nan)


def mean_of(figures: Sequence[Floats]) -> Floats:
    """Mean over figures, draw by draw; a draw in which one of them cannot be told is left out.

    Figures that cannot be told for the data as they are do not take part.
    """
    known = [one for one in figures if math.isfinite(float(one[0]))]
    if not known:
        return np.full(len(figures[0]) if figures else 1, np.nan)
    return np.asarray(np.mean(known, axis=0))


def p_value(*found: Floats) -> float | None:
    """Two-sided p that a correlation is zero, by Fisher's z over the widest of its deviations.

    Each of `found` is [1 + draws] of one figure under another way of drawing (dialogues, raters).
    None where it cannot be told.
    """
    value = float(found[0][0])
    deviations = [
        float(np.std(np.arctanh(np.clip(one[1:][np.isfinite(one[1:])], -_SURELY, _SURELY))))
        for one in found
        if np.isfinite(one[1:]).sum() > 1
    ]
    if not math.isfinite(value) or not deviations or max(deviations) < _TINY:
        return None
    z = math.atanh(min(max(value, -_SURELY), _SURELY)) / max(deviations)
    return math.erfc(abs(z) / math.sqrt(2))


def holm(ps: Mapping[str, float]) -> dict[str, float]:
    """Corrected p of each test, so that the chance of any false discovery stays at its level."""
    corrected: dict[str, float] = {}
    reached = 0.0
    for rank, (name, p) in enumerate(sorted(ps.items(), key=lambda item: item[1])):
        reached = max(reached, min(1.0, (len(ps) - rank) * p))
        corrected[name] = reached
    return {name: corrected[name] for name in ps}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimensions:
    """How many different things some columns say.

    columns: those that vary. participation: (sum of eigenvalues)^2 / sum of their squares, of the
    rank correlations: 1 when all columns say the same, their number when each speaks for itself.
    ninety: principal components that hold 90 % of the variance.
    """

    columns: int
    participation: Estimate
    ninety: int


def dimensions(found: Floats, n: int) -> Dimensions | None:
    """Dimensions of columns whose correlations are `found`, [1 + draws, k, k]; None below two that
    vary, or below FEWEST_CLUSTERS clusters."""
    varying = np.flatnonzero(np.isfinite(np.einsum("kk->k", found[0])))
    if len(varying) < 2:
        return None
    kept = found[:, varying][:, :, varying]
    participation = estimate_of(len(varying) ** 2 / (kept**2).sum(axis=(1, 2)), n)
    if participation is None:
        return None
    values = np.sort(np.linalg.eigvalsh(kept[0]))[::-1]
    reached = np.cumsum(values) / values.sum()
    return Dimensions(
        columns=len(varying),
        participation=participation,
        ninety=int(np.searchsorted(reached, 0.9 - _TINY) + 1),
    )


def centred(values: Floats, by: Sequence[str]) -> Floats:
    """Deviations of each column from the mean of its rows that share a name in `by`.

    values: [rows, k], NaN where missing. NaN where a name is empty or has no second row.
    """
    result = np.full(values.shape, np.nan)
    names = np.array(by, dtype=object)
    for name in set(by) - {""}:
        rows = np.flatnonzero(names == name)
        known = np.isfinite(values[rows])
        count = known.sum(axis=0)
        total = np.where(known, values[rows], 0.0).sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            result[rows] = np.where(count > 1, values[rows] - total / count, np.nan)
    # Equal values would be left with rounding errors, which have ranks too.
    return np.round(result, _DECIMALS)
