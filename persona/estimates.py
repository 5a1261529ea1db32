"""Rates and means with the interval that belongs to them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_Z = 1.959964  # two-sided 95 %


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its 95 % interval and the number of cases behind it."""

    value: float
    low: float
    high: float
    n: int


def rate(hits: Sequence[bool]) -> Estimate | None:
    """Share of true cases with Wilson's score interval; None without cases."""
    n = len(hits)
    if n == 0:
        return None
    share = sum(hits) / n
    centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2)) / (1 + _Z**2 / n)
    # At 0 and 1 a bound is the share itself, which rounding would put on its wrong side.
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return Estimate(value=share, low=min(share, low), high=max(share, high), n=n)


def mean(values: Sequence[float]) -> Estimate | None:
    """Mean with a normal interval; None without values."""
    n = len(values)
    if n == 0:
        return None
    centre = sum(values) / n
    variance = sum((value - centre) ** 2 for value in values) / max(n - 1, 1)
    half = _Z * math.sqrt(variance / n)
    return Estimate(value=centre, low=centre - half, high=centre + half, n=n)


def paired_difference(first: Sequence[bool], second: Sequence[bool]) -> Estimate | None:
    """Mean of second minus first over the same cases, with a normal interval."""
    return mean([float(b) - float(a) for a, b in zip(first, second, strict=True)])
