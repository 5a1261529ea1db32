"""Shares of cases in clusters: the mean, and intervals that know what is alike."""

import random

import pytest

from persona.estimates import rate
from rlaif.clustered_share import Case, clustered_share


def test_the_mean_of_the_cases() -> None:
    cases = [
        Case(cluster=name, value=value) for name, value in zip("aabc", (1, 0.5, 0, 1), strict=True)
    ]
    found = clustered_share(cases)
    assert found is not None
    assert found.value == pytest.approx((1 + 0.5 + 0 + 1) / 4)
    assert found.n == 4
    assert clustered_share([]) is None


def test_saying_everything_ten_times_makes_nothing_surer() -> None:
    rng = random.Random(4)
    values = [float(rng.random() < 0.6) for _ in range(30)]
    once = clustered_share([Case(cluster=str(at), value=one) for at, one in enumerate(values)])
    often = clustered_share(
        [Case(cluster=str(at), value=one) for at, one in enumerate(values) for _ in range(10)]
    )
    alone = clustered_share(
        [
            Case(cluster=f"{at} {again}", value=one)
            for at, one in enumerate(values)
            for again in range(10)
        ]
    )
    assert once is not None
    assert often is not None
    assert alone is not None
    assert (often.low, often.high) == pytest.approx((once.low, once.high))
    assert alone.high - alone.low < 0.5 * (often.high - often.low)


def test_clusters_that_all_agree_do_not_make_certainty() -> None:
    found = clustered_share([Case(cluster=str(at), value=1.0) for at in range(8) for _ in range(5)])
    eight = rate([True] * 8)
    assert found is not None
    assert eight is not None
    assert (found.low, found.high) == pytest.approx((eight.low, 1.0))
    half = clustered_share([Case(cluster=str(at), value=0.5) for at in range(8)])
    assert half is not None
    assert half.low < 0.3
    assert half.high > 0.7


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Clusters of five cases that share their chance: 0.2 or 0.8, 0.5 on the whole."""
    covered = 0
    for seed in range(200):
        rng = random.Random(seed)
        cases = []
        for cluster in range(40):
            chance = rng.choice((0.2, 0.8))
            cases += [
                Case(cluster=str(cluster), value=float(rng.random() < chance)) for _ in range(5)
            ]
        found = clustered_share(cases, draws=400)
        assert found is not None
        covered += found.low <= 0.5 <= found.high
    assert 0.88 * 200 <= covered <= 0.99 * 200
