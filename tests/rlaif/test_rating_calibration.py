"""Predictions that can be taken at their word, and ones that cannot."""

import numpy as np
import pytest

from rlaif.agreement_statistics import Floats
from rlaif.rating_calibration import Calibration, calibrate
from rlaif.rating_figures import make_clusters

_ROWS = 400


def _calibration(predicted: Floats, rated: Floats, *, in_points: bool = True) -> Calibration:
    groups = [f"{n // 2}" for n in range(len(rated))]
    found = calibrate(predicted, rated, make_clusters(groups, 100, 1), in_points=in_points)
    assert found is not None
    return found


def _truth() -> Floats:
    return np.random.default_rng(2).uniform(1, 5, _ROWS)


def test_the_truth_has_no_error_and_foretells_everything() -> None:
    found = _calibration(_truth(), _truth())
    assert found.error_as_given is not None
    assert found.explained is not None
    assert found.error_as_given.value == pytest.approx(0.0, abs=1e-9)
    assert found.explained.value > 0.99
    assert len(found.tenths) == 10
    assert [tenth.rated.n for tenth in found.tenths] == [_ROWS // 10] * 10
    for tenth in found.tenths:
        assert tenth.predicted == pytest.approx(tenth.rated.value)


def test_an_offset_is_an_error_that_a_line_takes_away() -> None:
    found = _calibration(_truth() + 1, _truth())
    assert found.error_as_given is not None
    assert found.error_after_line is not None
    assert found.error_as_given.value == pytest.approx(1.0)
    assert found.error_after_line.value == pytest.approx(0.0, abs=1e-9)


def test_noise_foretells_nothing_though_a_line_leaves_little_error() -> None:
    found = _calibration(np.random.default_rng(3).normal(size=_ROWS), _truth(), in_points=False)
    assert found.error_as_given is None
    assert found.explained is not None
    assert found.explained.value < 0.03


def test_the_rising_line_rises() -> None:
    rng = np.random.default_rng(4)
    found = _calibration(_truth(), _truth() ** 2 + rng.normal(size=_ROWS))
    heights = [y for _, y in found.isotonic]
    assert heights == sorted(heights)
    assert heights[-1] - heights[0] > 10


def test_nothing_is_told_of_few_dialogues_or_of_one_prediction() -> None:
    few = make_clusters([f"{n}" for n in range(9)], 10, 1)
    assert calibrate(np.arange(9.0), np.arange(9.0), few, in_points=True) is None
    many = make_clusters([f"{n}" for n in range(20)], 10, 1)
    assert calibrate(np.full(20, 3.0), np.arange(20.0), many, in_points=True) is None
