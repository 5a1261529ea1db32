"""How far two verdicts of one evaluator lie apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot

from rlaif.evaluator import Assessment
from rlaif.metrics import METRIC_KEYS

_NORMAL_95 = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`value`: second minus first, in points. `low`, `high`: its 95 % interval, None without a
    spread on both sides."""

    value: float
    low: float | None
    high: float | None


def score_differences(first: Assessment, second: Assessment) -> Mapping[str, Difference]:
    """Return metric -> difference.

    The spreads are taken as independent normal errors; members of an ensemble err alike, so the
    interval is rather too wide than too narrow.
    """
    return {key: _difference(first, second, key) for key in METRIC_KEYS}


def _difference(first: Assessment, second: Assessment, key: str) -> Difference:
    value = second.values[key] - first.values[key]
    spreads = first.spread.get(key), second.spread.get(key)
    if spreads[0] is None or spreads[1] is None:
        return Difference(value=value, low=None, high=None)
    half = _NORMAL_95 * hypot(spreads[0], spreads[1])
    return Difference(value=value, low=value - half, high=value + half)
