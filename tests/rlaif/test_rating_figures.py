"""Figures against values derived by hand, and intervals against what they promise."""

import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from persona.estimates import Estimate
from rlaif.agreement_statistics import Floats
from rlaif.rating_figures import (
    FEWEST_CLUSTERS,
    centred,
    dimensions,
    estimate_of,
    holm,
    make_clusters,
    mean_of,
    p_value,
    partial,
    rank_correlations,
)


def _rho(first: Floats, second: Floats, groups: list[str], draws: int = 300) -> Estimate:
    columns = np.column_stack([first, second])
    clusters = make_clusters(groups, draws, seed=1)
    found = rank_correlations(columns, clusters, np.arange(len(first)))
    estimate = estimate_of(found[:, 0, 1], len(set(groups)))
    assert estimate is not None
    return estimate


def test_spearman_by_hand() -> None:
    # One swap of neighbours among four: 1 - 6 * (1 + 1) / (4 * (16 - 1)).
    columns = np.array([[1, 1], [2, 3], [3, 2], [4, 4]], dtype=np.float64)
    found = rank_correlations(columns, make_clusters(list("abcd"), 3, 0), np.arange(4))
    assert found[0, 0, 1] == pytest.approx(0.8)
    assert found[0, 0, 0] == pytest.approx(1.0)


def test_every_draw_is_spearman_of_the_drawn_rows() -> None:
    rng = np.random.default_rng(3)
    columns = np.round(rng.normal(size=(40, 3)), 1)
    groups = [f"{n // 2}" for n in range(40)]
    clusters = make_clusters(groups, 20, seed=2)
    rows = np.arange(5, 40)
    found = rank_correlations(columns, clusters, rows)
    for draw in (0, 7, 20):
        counts = clusters.counts[draw][clusters.unit[rows]].astype(int)
        drawn = np.repeat(columns[rows], counts, axis=0)
        assert found[draw] == pytest.approx(spearmanr(drawn).statistic)


def test_a_column_that_does_not_vary_has_no_figure() -> None:
    rng = np.random.default_rng(3)
    columns = np.column_stack([rng.normal(size=5000), np.full(5000, 0.1)])
    clusters = make_clusters([f"{n}" for n in range(5000)], 2, seed=2)
    found = rank_correlations(columns, clusters, np.arange(5000))
    assert np.isnan(found[:, 0, 1]).all()
    assert estimate_of(found[:, 0, 1], 5000) is None


def test_too_few_dialogues_have_no_figure() -> None:
    found = np.full(50, 0.5)
    assert estimate_of(found, FEWEST_CLUSTERS - 1) is None
    assert estimate_of(found, FEWEST_CLUSTERS) is not None


def test_rows_of_one_dialogue_are_not_counted_as_so_many_witnesses() -> None:
    rng = np.random.default_rng(5)
    first = rng.normal(size=60)
    second = first + 2 * rng.normal(size=60)
    fourfold = [np.repeat(one, 4) for one in (first, second)]
    by_row = _rho(*fourfold, [f"{n}" for n in range(240)])
    by_dialogue = _rho(*fourfold, [f"{n // 4}" for n in range(240)])
    alone = _rho(first, second, [f"{n}" for n in range(60)])
    # Four copies of each row: intervals of rows are about half as wide as they should be.
    assert by_dialogue.high - by_dialogue.low > 1.6 * (by_row.high - by_row.low)
    assert by_dialogue.high - by_dialogue.low == pytest.approx(alone.high - alone.low, rel=0.15)


def test_partial_by_hand() -> None:
    found = partial(np.array([0.5]), np.array([0.3]), np.array([0.4]))
    assert found[0] == pytest.approx((0.5 - 0.3 * 0.4) / math.sqrt((1 - 0.09) * (1 - 0.16)))
    # What is nothing but length has nothing left.
    assert np.isnan(partial(np.array([0.5]), np.array([0.5]), np.array([1.0])))[0]


def test_the_mean_is_over_figures_that_can_be_told() -> None:
    known, other, unknown = np.array([0.2, 0.1]), np.array([0.4, 0.5]), np.full(2, np.nan)
    assert mean_of([known, unknown, other]) == pytest.approx([0.3, 0.3])
    assert np.isnan(mean_of([unknown])).all()


def test_holm_by_hand() -> None:
    # Sorted 0.005 * 4, 0.01 * 3, 0.03 * 2, 0.04 * 1, each at least the one before.
    corrected = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert corrected == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert holm({"a": 0.9, "b": 0.8}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


def test_p_follows_the_wider_way_of_drawing() -> None:
    rng = np.random.default_rng(1)
    narrow = np.concatenate([[0.2], 0.2 + 0.05 * rng.normal(size=2000)])
    wide = np.concatenate([[0.2], 0.2 + 0.2 * rng.normal(size=2000)])
    # Fisher's z makes 0.203 of 0.2 and about 0.052 and 0.225 of the deviations: z of 3.9 and 0.9.
    assert p_value(narrow) == pytest.approx(1e-4, abs=2e-4)
    assert p_value(narrow, wide) == pytest.approx(0.37, abs=0.03)
    assert p_value(np.full(10, np.nan)) is None


def test_p_of_unrelated_columns_is_evenly_spread() -> None:
    rng = np.random.default_rng(8)
    groups = [f"{n}" for n in range(80)]
    low = 0
    for _ in range(120):
        columns = rng.normal(size=(80, 2))
        found = rank_correlations(columns, make_clusters(groups, 120, 4), np.arange(80))
        p = p_value(found[:, 0, 1])
        assert p is not None
        low += p < 0.1
    assert 3 <= low <= 24  # 12 are expected


def _exact(correlations: Floats) -> Floats:
    return np.repeat(correlations[None], 5, axis=0)


def test_participation_by_hand() -> None:
    own = dimensions(_exact(np.eye(4)), 50)
    same = dimensions(_exact(np.ones((12, 12))), 50)
    assert own is not None
    assert same is not None
    assert (own.participation.value, own.ninety) == (pytest.approx(4.0), 4)
    assert (same.participation.value, same.ninety) == (pytest.approx(1.0), 1)
    # Eigenvalues 1.8 and 0.2: 4 / (3.24 + 0.04), and the first holds exactly 90 %.
    pair = dimensions(_exact(np.array([[1, 0.8], [0.8, 1]])), 50)
    assert pair is not None
    assert (pair.participation.value, pair.ninety) == (pytest.approx(4 / 3.28), 1)


def test_columns_that_do_not_vary_are_no_dimension() -> None:
    correlations = np.full((3, 3), np.nan)
    correlations[:2, :2] = np.eye(2)
    found = dimensions(_exact(correlations), 50)
    assert found is not None
    assert found.columns == 2
    assert dimensions(_exact(np.full((2, 2), np.nan)), 50) is None


def test_deviations_by_hand() -> None:
    values = np.array([[1.0, 5.0], [3.0, np.nan], [8.0, 5.0], [4.0, 2.0]])
    found = centred(values, ["a", "a", "b", ""])
    assert found[:2, 0] == pytest.approx([-1.0, 1.0])
    # One known value of "a" in the second column, one row of "b", no name at all.
    assert np.isnan(found[:2, 1]).all()
    assert np.isnan(found[2:]).all()
    # Equal values leave no rounding errors to be ranked.
    assert not centred(np.full((3, 1), 0.1 + 0.2), ["a"] * 3).any()
