"""How far an evaluator is believed, metric by metric: its agreement with the operators.

Agreement is Cohen's kappa with quadratic weights over a rolling window of replies that both rated:
1 is the same, 0 no better than its own ratings dealt out at random, below 0 the reverse. On values
that are not whole it is the same formula without bins, which is Lin's concordance coefficient.

Source: Cohen, "Weighted kappa" (Psychological Bulletin 70, 1968); Fleiss and Cohen (1973).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from persona.estimates import Estimate
from rlaif.errors import PairingError
from rlaif.metrics import METRIC_KEYS

_Z = 1.959964  # two-sided 95 %


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustSettings:
    """How reviews become weights.

    `window_reviews`: the newest reviews of a metric that count, >= `few_reviews`; short enough for
    30 reversed ones to outweigh what went before. `window`: and none older than this.
    `few_reviews`: below this many the weight is `prior` (0..1), >= 3. `full_kappa`: agreement in
    (0, 1] from which a metric counts fully; in between the weight is kappa / full_kappa.
    """

    window_reviews: int = 40
    window: timedelta = timedelta(days=90)
    few_reviews: int = 20
    prior: float = 0.5
    full_kappa: float = 0.6

    def __post_init__(self) -> None:
        if not 3 <= self.few_reviews <= self.window_reviews:
            raise PairingError(
                f"few_reviews is {self.few_reviews} and window_reviews {self.window_reviews}; "
                "expected 3 <= few_reviews <= window_reviews"
            )
        if self.window <= timedelta(0):
            raise PairingError(f"the window of reviews is {self.window}; expected more than 0")
        if not 0 <= self.prior <= 1 or not 0 < self.full_kappa <= 1:
            raise PairingError(
                f"prior is {self.prior}, full_kappa {self.full_kappa}; "
                "expected 0 to 1, and full_kappa above 0"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedReview:
    """One reply rated on one metric by an operator and by the evaluator, both 0..10."""

    operator: float
    evaluator: float
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricTrust:
    """What a metric weighs tonight (0..1) and why. `kappa` is None below `few_reviews`, and where
    nobody's ratings differ, so that nothing can be said."""

    metric: str
    weight: float
    reviews: int
    kappa: Estimate | None


def weighted_kappa(operator: Sequence[float], evaluator: Sequence[float]) -> Estimate | None:
    """Quadratic weighted kappa with a 95 % interval (jackknife, on Fisher's scale).

    None with fewer than 3 ratings or when all ratings of both are one and the same number.
    Raises ValueError when the two differ in length.
    """
    n = len(operator)
    if n != len(evaluator):
        raise ValueError(f"{n} and {len(evaluator)} ratings; expected as many of each")
    if n < 3:
        return None
    value = _kappa(operator, evaluator)
    if value is None:
        return None
    centre = _fisher(value)
    pseudo: list[float] = []
    for left_out in range(n):
        one_less = _kappa(
            [*operator[:left_out], *operator[left_out + 1 :]],
            [*evaluator[:left_out], *evaluator[left_out + 1 :]],
        )
        pseudo.append(n * centre - (n - 1) * _fisher(value if one_less is None else one_less))
    mean = sum(pseudo) / n
    error = math.sqrt(sum((each - mean) ** 2 for each in pseudo) / (n * (n - 1)))
    low, high = math.tanh(centre - _Z * error), math.tanh(centre + _Z * error)
    return Estimate(value=value, low=min(low, value), high=max(high, value), n=n)


def metric_trust(
    metric: str, reviews: Sequence[PairedReview], settings: TrustSettings, now: datetime
) -> MetricTrust:
    """Weigh one metric by its newest reviews, given in any order."""
    fresh = sorted(
        (review for review in reviews if now - settings.window <= review.at <= now),
        key=lambda review: review.at,
    )[-settings.window_reviews :]
    n = len(fresh)
    kappa = (
        weighted_kappa([each.operator for each in fresh], [each.evaluator for each in fresh])
        if n >= settings.few_reviews
        else None
    )
    if kappa is None:
        weight = settings.prior
    else:
        weight = min(1.0, max(0.0, kappa.value / settings.full_kappa))
    return MetricTrust(metric=metric, weight=weight, reviews=n, kappa=kappa)


def trust_weights(
    reviews: Mapping[str, Sequence[PairedReview]], settings: TrustSettings, now: datetime
) -> dict[str, MetricTrust]:
    """Weigh all twelve metrics; `reviews` by metric, a metric left out has none.

    Raises ValueError for a metric that is not one of the twelve.
    """
    unknown = sorted(set(reviews) - set(METRIC_KEYS))
    if unknown:
        raise ValueError(f"metric is {unknown[0]!r}; expected one of {', '.join(METRIC_KEYS)}")
    return {key: metric_trust(key, reviews.get(key, ()), settings, now) for key in METRIC_KEYS}


def _kappa(first: Sequence[float], second: Sequence[float]) -> float | None:
    """1 - observed over expected squared difference; None where none is expected.

    The expected one, over all n x n pairs, is var(x) + var(y) + (mean x - mean y)^2.
    """
    n = len(first)
    mean_x, mean_y = sum(first) / n, sum(second) / n
    expected = (
        sum((x - mean_x) ** 2 for x in first) / n
        + sum((y - mean_y) ** 2 for y in second) / n
        + (mean_x - mean_y) ** 2
    )
    if expected <= 1e-12:
        return None
    observed = sum((x - y) ** 2 for x, y in zip(first, second, strict=True)) / n
    return 1 - observed / expected


def _fisher(kappa: float) -> float:
    return math.atanh(min(0.999999, max(-0.999999, kappa)))
