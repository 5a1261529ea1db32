"""Agreement figures against other implementations, published examples and known truths."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import spearmanr

from rlaif.agreement_statistics import (
    Floats,
    RatingPairs,
    alphas,
    gaps,
    interval,
    kappas,
    offsets,
    pairs_of,
    redraw,
    spearmans,
    table_of,
)
from rlaif.trust import weighted_kappa


def _single(first: Floats, second: Floats) -> RatingPairs:
    return pairs_of([[(float(x), float(y))] for x, y in zip(first, second, strict=True)])


def _ratings(n: int, seed: int) -> tuple[Floats, Floats]:
    """Whole numbers with many ties, moderately alike."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(1, 9, n)
    return (
        np.clip(np.round(truth + rng.normal(0, 1.5, n)), 0, 10),
        np.clip(np.round(truth + rng.normal(0, 1.5, n)), 0, 10),
    )


def _replicated(values: Floats, counts: Floats) -> Floats:
    return np.repeat(values, counts.astype(int))


def test_a_drawn_sample_has_the_figures_of_its_replicated_ratings() -> None:
    first, second = _ratings(30, 0)
    pairs = _single(first, second)
    draws = redraw(30, 5, seed=1)
    ranks, kappa = spearmans(pairs, draws), kappas(pairs, draws)
    offset, gap = offsets(pairs, draws), gaps(pairs, draws)
    for at, counts in enumerate(draws):
        x, y = _replicated(first, counts), _replicated(second, counts)
        known = weighted_kappa(x.tolist(), y.tolist())
        assert known is not None
        assert ranks[at] == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)
        assert kappa[at] == pytest.approx(known.value, abs=1e-12)
        assert offset[at] == pytest.approx((x - y).mean())
        assert gap[at] == pytest.approx(abs(x - y).mean())


def test_a_strict_rater_lowers_kappa_but_not_the_order() -> None:
    first = np.arange(10.0)
    pairs, one = _single(first, first - 3), np.ones((1, 10))
    # var = 8.25 on both sides: expected 2 x 8.25 + 3^2 = 25.5, observed 3^2.
    assert kappas(pairs, one)[0] == pytest.approx(1 - 9 / 25.5)
    assert spearmans(pairs, one)[0] == pytest.approx(1.0)
    assert offsets(pairs, one)[0] == pytest.approx(3.0)


def test_ratings_that_do_not_differ_say_nothing() -> None:
    flat = _single(np.full(12, 5.0), np.full(12, 5.0))
    for statistic in (kappas, spearmans):
        assert np.isnan(statistic(flat, np.ones((1, 12)))[0])
        assert interval(lambda draws, of=statistic: of(flat, draws), redraw(12, 20, 0)) is None
    assert np.isnan(alphas(table_of([[5.0, 5.0]] * 12), np.ones((1, 12)))[0])


def test_alpha_of_the_published_example() -> None:
    """Four observers, twelve units, gaps: alpha is .849 for interval data.

    Source: Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section D.
    """
    observers = (
        "1 2 3 3 2 1 4 1 2 . . .",
        "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .",
        "1 2 3 3 2 4 4 1 2 5 1 .",
    )
    rows = [line.split() for line in observers]
    units = [[float(v) for v in unit if v != "."] for unit in zip(*rows, strict=True)]
    table = table_of(units)
    assert len(table.count) == 11, "the unit that one observer coded pairs with nothing"
    assert alphas(table, np.ones((1, 11)))[0] == pytest.approx(0.849, abs=5e-4)


def test_alpha_is_by_its_definition_over_all_pairs() -> None:
    rng = np.random.default_rng(3)
    units = [rng.integers(0, 11, size=size).astype(float).tolist() for size in (2, 3, 4, 2, 5)]
    pool = [value for unit in units for value in unit]
    n = len(pool)
    observed = sum((a - b) ** 2 / (len(unit) - 1) for unit in units for a in unit for b in unit) / n
    expected = sum((a - b) ** 2 for a in pool for b in pool) / (n * (n - 1))
    assert alphas(table_of(units), np.ones((1, 5)))[0] == pytest.approx(1 - observed / expected)


def _kappa_interval(pairs: RatingPairs) -> Callable[[Floats], Floats]:
    return lambda draws: kappas(pairs, pairs.taken(draws))


def test_the_interval_covers_the_true_agreement() -> None:
    # x = t + a, y = t + b with var t = 4, var a = var b = 1: kappa = 4 / 5.
    rng = np.random.default_rng(11)
    hits = 0
    for _ in range(200):
        truth = rng.normal(5, 2, 60)
        pairs = _single(truth + rng.normal(0, 1, 60), truth + rng.normal(0, 1, 60))
        found = interval(_kappa_interval(pairs), redraw(60, 300, seed=int(rng.integers(10**6))))
        assert found is not None
        hits += found.low <= 0.8 <= found.high
    # 95 % of 200 is 190; three standard errors below that are 181.
    assert hits >= 181


def test_ratings_of_one_reply_are_drawn_together() -> None:
    """Ten raters who say the same of a reply are one opinion: the interval stays as wide."""
    first, second = _ratings(40, 5)
    once = _single(first, second)
    tenfold = pairs_of([[(x, y)] * 10 for x, y in zip(first, second, strict=True)])
    draws = redraw(40, 400, seed=0)
    one, ten = interval(_kappa_interval(once), draws), interval(_kappa_interval(tenfold), draws)
    assert one is not None
    assert ten is not None
    assert (ten.low, ten.high) == pytest.approx((one.low, one.high))
