"""Intervals against figures worked out by hand, and the error rates they promise by simulation."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import binom, t

from rlaif.errors import GateError
from rlaif.gate_settings import GateSettings
from rlaif.gate_statistics import (
    Case,
    Scenario,
    bootstrap,
    difference,
    duel,
    estimate,
    figure,
    promotion_rate,
    relative,
    required_cases,
    win_rate,
)

_SETTINGS = GateSettings()


def _cases(*rows: tuple[str, float, float]) -> list[Case]:
    return [
        Case(id=f"c{n}", topic=topic, value=value, weight=weight)
        for n, (topic, value, weight) in enumerate(rows)
    ]


def test_a_mean_and_its_clustered_interval_by_hand() -> None:
    # Mean 2.5; topic totals of (value - mean) / n: a: (-1.5 - 0.5) / 4, b: (0.5 + 1.5) / 4.
    cases = _cases(("a", 1, 1), ("a", 2, 1), ("b", 3, 1), ("b", 4, 1))
    found = estimate(cases, alpha=0.05)
    error = math.sqrt(2 / 1 * (0.5**2 + 0.5**2))
    half = float(t.isf(0.05, 1)) * error
    assert (found.value, found.n, found.clusters) == (2.5, 4, 2)
    assert found.low == pytest.approx(2.5 - half)
    assert found.high == pytest.approx(2.5 + half)


def test_a_ratio_counts_its_weights() -> None:
    # 30 nats over 10 tokens and 10 over 10: 40 / 20, not the mean of 3 and 1 weighted by row.
    assert figure(_cases(("a", 30, 10), ("b", 10, 10))) == 2.0
    assert figure(_cases(("a", 30, 10), ("b", 10, 30))) == 1.0


def test_alike_probes_of_a_topic_widen_the_interval() -> None:
    rng = np.random.default_rng(3)
    topics = rng.standard_normal(40)
    alike = [Case(id=f"{n}", topic=f"t{n % 40}", value=float(topics[n % 40])) for n in range(200)]
    apart = [Case(id=f"{n}", topic=f"t{n}", value=float(topics[n % 40])) for n in range(200)]
    clustered, naive = estimate(alike, alpha=0.01), estimate(apart, alpha=0.01)
    assert clustered.high - clustered.low > 2 * (naive.high - naive.low)


def test_a_shared_level_cancels_in_a_difference() -> None:
    rng = np.random.default_rng(4)
    level = rng.standard_normal(100) * 10
    one = [Case(id=f"{n}", topic=f"t{n}", value=float(v) + 1) for n, v in enumerate(level)]
    other = [Case(id=f"{n}", topic=f"t{n}", value=float(v)) for n, v in enumerate(level)]
    found = difference(one, list(reversed(other)), alpha=0.01)
    assert found.value == pytest.approx(1)
    assert found.high - found.low == pytest.approx(0, abs=1e-9)


def test_a_share_is_that_of_the_figures() -> None:
    one = _cases(("a", 11, 1), ("b", 22, 1))
    other = _cases(("a", 10, 1), ("b", 20, 1))
    found = relative(one, other, alpha=0.01)
    assert found.value == pytest.approx(1.1)
    assert (found.low, found.high) == (pytest.approx(1.1), pytest.approx(1.1))


def test_ties_are_half_a_win_or_left_out() -> None:
    other = _cases(("a", 5, 1), ("b", 5, 1), ("c", 5, 1), ("d", 5, 1))
    one = _cases(("a", 6, 1), ("b", 5.05, 1), ("c", 5, 1), ("d", 4, 1))
    half = win_rate(one[:3], other[:3], alpha=0.05, tie_margin=0.05)
    dropped = win_rate(one, other, alpha=0.05, tie_margin=0.05, ties="dropped")
    assert half.value == pytest.approx(2 / 3)
    assert (dropped.value, dropped.n) == (0.5, 2)
    with pytest.raises(GateError, match="no case"):
        win_rate(one[1:3], other[1:3], alpha=0.05, tie_margin=0.1, ties="dropped")


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (_cases(("a", math.nan, 1), ("b", 1, 1)), "nan"),
        (_cases(("a", 1, math.inf), ("b", 1, 1)), "inf"),
        (_cases(("a", 1, 1)), "one adapter only"),
        (_cases(("a", 1, 0), ("b", 1, 0)), "sum to 0"),
        ([], "no case"),
        ([*_cases(("a", 1, 1)), *_cases(("b", 1, 1))], "twice"),
    ],
)
def test_what_cannot_be_compared_is_an_error(one: list[Case], message: str) -> None:
    with pytest.raises(GateError, match=message):
        difference(one, _cases(("a", 1, 1), ("b", 1, 1)), alpha=0.01)


def test_one_topic_has_no_interval() -> None:
    with pytest.raises(GateError, match="1 topic"):
        estimate(_cases(("a", 1, 1), ("a", 2, 1)), alpha=0.01)


def test_the_bootstrap_agrees_with_the_formula() -> None:
    rng = np.random.default_rng(5)
    one, other = duel(Scenario(topics=60, probes_per_topic=3, draws=2, win_probability=0.6), rng)
    formula = difference(one, other, alpha=0.025)
    redrawn = bootstrap(one, other, alpha=0.025, rng=rng)
    assert redrawn.value == pytest.approx(formula.value)
    width = formula.high - formula.low
    assert redrawn.low == pytest.approx(formula.low, abs=0.12 * width)
    assert redrawn.high == pytest.approx(formula.high, abs=0.12 * width)


def test_required_cases_by_hand() -> None:
    # (1.6449 x 0.5 + 0.8416 x 0.4899)^2 / 0.1^2 = 152.47
    assert required_cases(win_probability=0.6, alpha=0.05, power=0.8) == 153
    assert required_cases(win_probability=0.6, alpha=0.05, power=0.8, design_effect=2) == 305
    with pytest.raises(ValueError, match="win_probability"):
        required_cases(win_probability=0.5, alpha=0.05, power=0.8)


def _promotes(candidate: Sequence[Case], reference: Sequence[Case]) -> bool:
    found = win_rate(
        candidate,
        reference,
        alpha=_SETTINGS.alpha,
        tie_margin=_SETTINGS.tie_margin,
        ties=_SETTINGS.ties,
    )
    return found.low > _SETTINGS.training_floor


def _rate(win_probability: float, runs: int, ties: float = 0.0) -> float:
    # The frozen set: 210 probes of about 70 topics reach the model, each answered twice.
    scenario = Scenario(
        topics=70, probes_per_topic=3, draws=2, win_probability=win_probability, ties=ties
    )
    return promotion_rate(scenario, _promotes, runs=runs, rng=np.random.default_rng(11))


def test_the_same_adapter_is_hardly_ever_promoted() -> None:
    # At a true rate of 5 % more than 29 of 300 promotions have a probability below 0.001.
    assert float(binom.sf(29, 300, 0.05)) < 0.001
    assert _rate(0.5, runs=300) <= 0.05


def test_a_better_adapter_is_usually_promoted() -> None:
    assert _rate(0.6, runs=200) >= 0.8


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("ties", [0.0, 0.3, 0.8])
def test_two_thousand_duels_of_equals(ties: float) -> None:
    assert _rate(0.5, runs=2000, ties=ties) <= 0.05


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_power_over_two_thousand_duels() -> None:
    assert _rate(0.6, runs=2000) >= 0.8
