"""Intervals against figures from the books and worked by hand."""

import math

import pytest

from persona.estimates import mean, paired_difference, rate


def test_wilsons_interval() -> None:
    # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3 (score without continuity).
    for hits, n, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605)):
        found = rate([True] * hits + [False] * (n - hits))
        assert found is not None
        assert found.value == hits / n
        assert found.n == n
        assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_zero_hits_have_an_upper_bound() -> None:
    # Same table: 0 of 20 and 1 of 29; with no hits the bound is z²/(n+z²).
    none, one = rate([False] * 20), rate([True] + [False] * 28)
    assert none is not None
    assert one is not None
    assert (none.low, round(none.high, 4)) == (0.0, 0.1611)
    assert (round(one.low, 4), round(one.high, 4)) == (0.0061, 0.1718)


@pytest.mark.parametrize("n", range(1, 60))
def test_the_value_lies_in_its_interval_also_at_the_ends(n: int) -> None:
    for hits in (0, n):
        found = rate([True] * hits + [False] * (n - hits))
        assert found is not None
        assert 0 <= found.low <= found.value <= found.high <= 1


def test_mean_with_a_normal_interval() -> None:
    found = mean([10, 14, 12])
    assert found is not None
    # Variance (4 + 4 + 0) / 2 = 4, standard error 2 / sqrt 3.
    assert found.value == 12
    assert found.high - 12 == pytest.approx(1.96 * 2 / math.sqrt(3), rel=1e-4)
    assert 12 - found.low == pytest.approx(found.high - 12)
    assert found.n == 3


def test_paired_difference_counts_pairs_not_margins() -> None:
    # Differences 0, 1, 1, 0: mean 1/2, variance (4 x 1/4) / 3 = 1/3, half width 1.96 sqrt(1/12).
    found = paired_difference([True, False, False, True], [True, True, True, True])
    assert found is not None
    assert found.value == 0.5
    assert found.high == pytest.approx(0.5 + 1.96 * math.sqrt(1 / 12), rel=1e-4)
    with pytest.raises(ValueError, match="zip"):
        paired_difference([True], [True, False])


def test_nothing_is_estimated_from_nothing() -> None:
    assert rate([]) is None
    assert mean([]) is None
    assert paired_difference([], []) is None
