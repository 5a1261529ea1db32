"""Rank correlation of two evaluators, by hand and with topics redrawn."""

import random

import pytest

from rlaif.evaluator_agreement import agreement, health_json, spearman
from rlaif.gate_measurements import Measurements
from rlaif.gate_statistics import Case


def cases(values: list[float], *, topics: int = 1000) -> tuple[Case, ...]:
    return tuple(
        Case(id=f"p{at}/0", topic=f"t{at % topics}", value=value) for at, value in enumerate(values)
    )


def test_the_value_is_spearmans() -> None:
    # Ranks 1..10 against the same with neighbours swapped: every d is 1, so the sum of d^2 is 10
    # and rho = 1 - 6 * 10 / (10 * 99).
    first = [float(at) for at in range(10)]
    second = [first[at + 1 - 2 * (at % 2)] for at in range(10)]
    found = spearman(cases(first), cases([2.0**value for value in second]))
    assert found is not None
    assert found.value == pytest.approx(1 - 60 / 990)
    assert found.low <= found.value <= found.high
    assert found.n == 10


def test_few_replies_or_one_value_say_nothing() -> None:
    rising = [float(at) for at in range(12)]
    assert spearman(cases(rising[:9]), cases(rising[:9])) is None
    assert spearman(cases(rising), cases([5.0] * 12)) is None


def test_only_replies_that_both_scored_count() -> None:
    rising = [float(at) for at in range(20)]
    found = spearman(cases(rising), cases(rising)[5:])
    assert found is not None
    assert (found.value, found.n) == (pytest.approx(1.0), 15)


def test_replies_of_one_topic_tell_less_than_of_many() -> None:
    """200 replies of 10 topics whose members agree with each other are 10 observations."""
    rng = random.Random(4)
    levels = [(rng.gauss(0, 1), rng.gauss(0, 1)) for _ in range(10)]
    pairs = [levels[at % 10] for at in range(200)]
    first = [one + rng.gauss(0, 0.05) for one, _ in pairs]
    second = [other + rng.gauss(0, 0.05) for _, other in pairs]
    many = spearman(cases(first), cases(second))
    few = spearman(cases(first, topics=10), cases(second, topics=10))
    assert many is not None
    assert few is not None
    assert few.high - few.low > 2 * (many.high - many.low)


def test_what_the_ledger_keeps() -> None:
    rising = [float(at) for at in range(12)]
    measured = Measurements(
        adapter="a",
        probe_set="p",
        cases={"training_score": cases(rising), "gate_score": cases(rising[::-1])},
        unscored={"judge-1": {"timeout": 2}},
    )
    found = agreement(measured)
    assert found is not None
    kept = health_json(measured)
    assert kept["unscored"] == {"judge-1": {"timeout": 2}}
    assert kept["correlation"] == {
        "value": pytest.approx(-1.0), "low": found.low, "high": found.high, "n": 12
    }  # fmt: skip
