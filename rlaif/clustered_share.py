"""A share whose cases come in clusters: its interval redraws whole clusters."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from persona.estimates import Estimate, rate
from rlaif.agreement_statistics import interval, redraw

Floats = NDArray[np.float64]

_DRAWS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`value` 0..1: how far the case is a hit. Cases of one cluster are alike."""

    cluster: str
    value: float


def clustered_share(
    cases: Sequence[Case], *, draws: int = _DRAWS, seed: int = 0
) -> Estimate | None:
    """Mean of the cases with a 95 % percentile interval over redrawn clusters; None without any.

    `n` counts cases. Where the clusters do not differ at all, redrawing them would claim certainty:
    the interval is then at least Wilson's for as many cases as there are clusters.
    """
    if not cases:
        return None
    places = {name: at for at, name in enumerate(sorted({one.cluster for one in cases}))}
    hits, counts = np.zeros(len(places)), np.zeros(len(places))
    for one in cases:
        hits[places[one.cluster]] += one.value
        counts[places[one.cluster]] += 1

    def share(weights: Floats) -> Floats:
        found: Floats = weights @ hits / (weights @ counts)
        return found

    found = interval(share, redraw(len(places), draws, seed))
    if found is None:
        return None
    low, high = found.low, found.high
    if low == high:
        floor, ceiling = _widest(found.value, len(places))
        low, high = min(low, floor), max(high, ceiling)
    return Estimate(value=found.value, low=low, high=high, n=len(cases))


def _widest(share: float, clusters: int) -> tuple[float, float]:
    """Wilson's interval for a share of `clusters` cases, to the nearest whole hit either way."""
    below, above = int(np.floor(share * clusters)), int(np.ceil(share * clusters))
    lower = rate([at < below for at in range(clusters)])
    upper = rate([at < above for at in range(clusters)])
    return (lower.low if lower else 0.0), (upper.high if upper else 1.0)
