"""Figures over probe cases with intervals that know that probes of one topic are alike.

A figure is a ratio of sums, value over weight: a mean when every weight is 1, perplexity's mean
negative log-likelihood when values are nats and weights tokens, distinct-2 when a reply's value is
its share of the set's distinct pairs and its weight its number of pairs. Its variance comes from the
totals of whole topics (linearised ratio, cluster-robust, Student's t with clusters - 1 degrees of
freedom), for two probes about the weather tell less than two probes about two things.

The number of probes is fixed beforehand, so that looking once is looking at the stated error; a
sequential test would only save generation on a set that has to be generated anyway.

Source: Liang and Zeger, "Longitudinal data analysis using generalized linear models" (Biometrika
1986) for the variance; Miller, "Adding Error Bars to Evals" (arXiv 2411.00640) for its use here.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from rlaif.errors import GateError

Ties = Literal["half", "dropped"]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One probe's contribution. `id` joins the same probe and draw of two adapters; weight >= 0."""

    id: str
    topic: str
    value: float
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Clustered:
    """A figure, its two-sided interval of confidence 1 - 2 alpha, cases and topics behind it."""

    value: float
    low: float
    high: float
    n: int
    clusters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figure:
    """A ratio and how much each case moves it, in the order of the cases."""

    value: float
    influence: Floats


def figure(cases: Sequence[Case]) -> float:
    """Sum of values over sum of weights. Raises GateError when there is none or it is no number."""
    return _figure(_checked(cases)).value


def estimate(cases: Sequence[Case], *, alpha: float) -> Clustered:
    """The figure of one adapter. Raises GateError as `figure`."""
    cases = _checked(cases)
    one = _figure(cases)
    return _clustered(one.value, one.influence, cases, alpha)


def difference(candidate: Sequence[Case], reference: Sequence[Case], *, alpha: float) -> Clustered:
    """Candidate's figure minus the reference's over the same cases.

    Raises GateError when their cases differ, there is none, or a number is not finite.
    """
    ours, theirs = _joined(candidate, reference)
    one, other = _figure(ours), _figure(theirs)
    return _clustered(one.value - other.value, one.influence - other.influence, ours, alpha)


def relative(candidate: Sequence[Case], reference: Sequence[Case], *, alpha: float) -> Clustered:
    """Candidate's figure over the reference's, both > 0; the interval is one of the logarithm.

    Raises GateError as `difference`, also when a figure is not above 0.
    """
    ours, theirs = _joined(candidate, reference)
    one, other = _figure(ours), _figure(theirs)
    if one.value <= 0 or other.value <= 0:
        raise GateError(
            f"the figures are {one.value:g} and {other.value:g}; expected both above 0 for a ratio"
        )
    log = _clustered(
        math.log(one.value / other.value),
        one.influence / one.value - other.influence / other.value,
        ours,
        alpha,
    )
    return Clustered(
        value=math.exp(log.value),
        low=math.exp(log.low),
        high=math.exp(log.high),
        n=log.n,
        clusters=log.clusters,
    )


def win_rate(
    candidate: Sequence[Case],
    reference: Sequence[Case],
    *,
    alpha: float,
    tie_margin: float = 0.0,
    ties: Ties = "half",
) -> Clustered:
    """Share of cases in which the candidate's value is the higher one.

    Values nearer than `tie_margin` (points, inclusive) are a tie: half a win, or left out. Left out,
    a set of nothing but ties has no win rate. Raises GateError as `difference`.
    """
    ours, theirs = _joined(candidate, reference)
    outcomes = []
    for one, other in zip(ours, theirs, strict=True):
        gain = one.value - other.value
        tied = abs(gain) <= tie_margin
        if tied and ties == "dropped":
            continue
        won = 0.5 if tied else float(gain > 0)
        outcomes.append(Case(id=one.id, topic=one.topic, value=won))
    return estimate(outcomes, alpha=alpha)


def bootstrap(
    candidate: Sequence[Case],
    reference: Sequence[Case],
    *,
    alpha: float,
    rng: np.random.Generator,
    draws: int = 2000,
) -> Clustered:
    """`difference` with an interval from redrawing whole topics; slower, free of linearisation.

    Raises GateError as `difference`.
    """
    ours, theirs = _joined(candidate, reference)
    groups, count = _groups(ours)
    totals = [
        np.bincount(groups, weights=column, minlength=count)
        for side in (ours, theirs)
        for column in (_values(side), _weights(side))
    ]
    chosen = rng.integers(0, count, size=(draws, count))
    value, weight, other_value, other_weight = (total[chosen].sum(axis=1) for total in totals)
    with np.errstate(divide="ignore", invalid="ignore"):
        gaps = value / weight - other_value / other_weight
    gaps = gaps[np.isfinite(gaps)]
    if not len(gaps):
        raise GateError("no redrawn set of topics has any weight; expected probes with weight")
    low, high = np.quantile(gaps, [alpha, 1 - alpha])
    return Clustered(
        value=_figure(ours).value - _figure(theirs).value,
        low=float(low),
        high=float(high),
        n=len(ours),
        clusters=count,
    )


def required_cases(
    *, win_probability: float, alpha: float, power: float, design_effect: float = 1.0
) -> int:
    """Cases after which a one-sided test at `alpha` sees a true `win_probability` with `power`.

    design_effect is the variance over that of independent cases: 1 + (cases per topic - 1) x
    intraclass correlation. Normal approximation without ties. Raises ValueError at or below 0.5.
    """
    if not 0.5 < win_probability < 1:
        raise ValueError(f"win_probability is {win_probability}; expected a number in (0.5, 1)")
    deviation = math.sqrt(win_probability * (1 - win_probability))
    spread = float(norm.isf(alpha)) * 0.5 + float(norm.ppf(power)) * deviation
    return math.ceil(design_effect * (spread / (win_probability - 0.5)) ** 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A made-up duel. Topics hold `probes_per_topic` probes, each answered `draws` times.

    win_probability is the true one of a case (0.5: both adapters are the same). Shares of the
    variance of a score gap that belong to its topic and its probe; `ties` is the share of ties.
    """

    topics: int
    probes_per_topic: int
    draws: int
    win_probability: float = 0.5
    topic_share: float = 0.05
    probe_share: float = 0.25
    ties: float = 0.0


def duel(scenario: Scenario, rng: np.random.Generator) -> tuple[list[Case], list[Case]]:
    """Scores of one simulated candidate and reference; ties have exactly equal scores."""
    shape = (scenario.topics, scenario.probes_per_topic, scenario.draws)
    rest = 1 - scenario.topic_share - scenario.probe_share
    gaps = (
        norm.ppf(scenario.win_probability)
        + math.sqrt(scenario.topic_share) * rng.standard_normal((shape[0], 1, 1))
        + math.sqrt(scenario.probe_share) * rng.standard_normal((*shape[:2], 1))
        + math.sqrt(rest) * rng.standard_normal(shape)
    )
    gaps[rng.random(shape) < scenario.ties] = 0.0
    level = 5 + rng.standard_normal(shape)
    names = [(f"{topic}-{probe}/{draw}", str(topic)) for topic, probe, draw in np.ndindex(*shape)]
    both = zip(names, level.ravel().tolist(), gaps.ravel().tolist(), strict=True)
    pairs = [
        (Case(id=name, topic=topic, value=base + gap), Case(id=name, topic=topic, value=base))
        for (name, topic), base, gap in both
    ]
    return [one for one, _ in pairs], [other for _, other in pairs]


def promotion_rate(
    scenario: Scenario,
    promotes: Callable[[Sequence[Case], Sequence[Case]], bool],
    *,
    runs: int,
    rng: np.random.Generator,
) -> float:
    """Share of `runs` simulated duels after which `promotes(candidate, reference)` says yes."""
    return sum(promotes(*duel(scenario, rng)) for _ in range(runs)) / runs


def _figure(cases: Sequence[Case]) -> _Figure:
    values, weights = _values(cases), _weights(cases)
    total = float(weights.sum())
    if total <= 0:
        raise GateError(f"the weights of {len(cases)} cases sum to {total:g}; expected above 0")
    share = float(values.sum()) / total
    return _Figure(value=share, influence=(values - share * weights) / total)


def _clustered(value: float, influence: Floats, cases: Sequence[Case], alpha: float) -> Clustered:
    groups, count = _groups(cases)
    if count < 2:
        raise GateError(f"the cases cover {count} topic; expected 2 or more for an interval")
    totals = np.bincount(groups, weights=influence, minlength=count)
    error = math.sqrt(count / (count - 1) * float((totals**2).sum()))
    half = float(t.isf(alpha, count - 1)) * error
    return Clustered(value=value, low=value - half, high=value + half, n=len(cases), clusters=count)


def _groups(cases: Sequence[Case]) -> tuple[NDArray[np.intp], int]:
    """The topic number of each case, and how many topics there are."""
    numbers: dict[str, int] = {}
    for case in cases:
        numbers.setdefault(case.topic, len(numbers))
    return np.array([numbers[case.topic] for case in cases], dtype=np.intp), len(numbers)


def _joined(candidate: Sequence[Case], reference: Sequence[Case]) -> tuple[list[Case], list[Case]]:
    """Both sides in one order."""
    ours = {case.id: case for case in _checked(candidate)}
    theirs = {case.id: case for case in _checked(reference)}
    if len(ours) != len(candidate) or len(theirs) != len(reference):
        raise GateError("a case is there twice; expected every probe and draw once")
    if ours.keys() != theirs.keys():
        lone = sorted(ours.keys() ^ theirs.keys())
        raise GateError(
            f"{len(lone)} cases were measured for one adapter only, such as {lone[0]!r}; "
            "expected the same probes for both: measure again"
        )
    return list(ours.values()), [theirs[name] for name in ours]


def _checked(cases: Sequence[Case]) -> Sequence[Case]:
    if not cases:
        raise GateError("there is no case; expected at least one probe: measure again")
    for case in cases:
        if not (math.isfinite(case.value) and math.isfinite(case.weight) and case.weight >= 0):
            raise GateError(
                f"the case {case.id!r} has value {case.value} and weight {case.weight}; "
                "expected finite numbers and a weight of 0 or more"
            )
    return cases


def _values(cases: Sequence[Case]) -> Floats:
    return np.array([case.value for case in cases], dtype=np.float64)


def _weights(cases: Sequence[Case]) -> Floats:
    return np.array([case.weight for case in cases], dtype=np.float64)
