"""Means of a handful of scores on a bounded scale."""

import math
import statistics
from collections.abc import Sequence

from scipy.special import stdtrit

from persona.estimates import Estimate

_ROUNDING = 1 / math.sqrt(12)
"""Standard deviation of what rounding to a whole figure takes away."""


def mean_of_few(values: Sequence[float], scale: tuple[float, float]) -> Estimate | None:
    """The mean with Student's 95 % interval, kept within `scale`; None without values.

    One value says nothing of the spread: its interval is the whole scale. Scores are whole figures,
    so that equal ones may differ by their rounding: the deviation is never below that of it.
    """
    n = len(values)
    if n == 0:
        return None
    centre = statistics.fmean(values)
    if n == 1:
        return Estimate(value=centre, low=scale[0], high=scale[1], n=1)
    deviation = max(statistics.stdev(values), _ROUNDING)
    half = float(stdtrit(n - 1, 0.975)) * deviation / math.sqrt(n)
    low, high = max(scale[0], centre - half), min(scale[1], centre + half)
    return Estimate(value=centre, low=low, high=high, n=n)
