"""Gradients and integrals go to the tokens that the value depends on, and integrals add up."""

import pytest
import torch

from rlaif.attribution import AttributionSettings, completeness_of
from rlaif.attribution_gradients import attribute_gradients, attribute_integrated
from tests.rlaif.planted_values import WIDTH, Planted, dialogue

REPLY = dialogue("かきくけこ")
SETTINGS = AttributionSettings()


def _silent(_done: int, _planned: int | None) -> None:
    return None


def test_a_head_that_looks_at_one_token_is_found() -> None:
    planted = Planted(head=lambda rows: rows[:, 3].sum(-1) / 10)
    told = attribute_integrated(planted, REPLY, "trust", SETTINGS, _silent)
    # Token 3 (behind the frame: letter 2) is 4 along each of 4 axes: 16 / 10 points, the rest 0.
    assert told.scores == pytest.approx((0, 0, 1.6, 0, 0))
    assert (told.value, told.baseline) == pytest.approx((1.6, 0.0))
    assert told.completeness is not None
    assert told.completeness.error == pytest.approx(0, abs=1e-5)
    slope = attribute_gradients(planted, REPLY, "trust", SETTINGS, _silent)
    # The gradient is 0.1 along each axis; along the token's own direction sqrt(4) times that.
    assert slope.scores == pytest.approx((0, 0, 0.1 * WIDTH**0.5, 0, 0))
    assert (slope.baseline, slope.completeness) == (None, None)
    other = attribute_integrated(planted, REPLY, "ease", SETTINGS, _silent)
    assert not any(other.scores)


def test_a_product_is_shared() -> None:
    planted = Planted(head=lambda rows: rows[:, 1, 0] * rows[:, 2, 0])
    told = attribute_integrated(planted, REPLY, "trust", SETTINGS, _silent)
    # On the straight way from 0 both are t times themselves, so each is given half of 2 * 3.
    assert told.scores == pytest.approx((3, 3, 0, 0, 0), abs=1e-4)


def test_a_sudden_change_is_looked_at_more_closely_until_parts_add_up() -> None:
    steep = Planted(head=lambda rows: 10 * torch.sigmoid(80 * (rows[:, 2, 0] - 1.37)))
    told = attribute_integrated(steep, REPLY, "trust", SETTINGS, _silent)
    assert told.completeness is not None
    assert told.completeness.holds
    assert told.completeness.error <= 0.05 * 10
    assert told.scores[1] == pytest.approx(10, abs=0.5)
    hurried = AttributionSettings(most_steps=16)
    rough = attribute_integrated(steep, REPLY, "trust", hurried, _silent)
    assert rough.evaluations < told.evaluations
    assert rough.completeness is not None
    assert not rough.completeness.holds
    assert rough.completeness.error == pytest.approx(abs(sum(rough.scores) - 10), abs=1e-3)


def test_progress_is_told() -> None:
    heard: list[tuple[int, int | None]] = []
    planted = Planted(head=lambda rows: rows[:, 1].sum(-1))
    attribute_integrated(
        planted, REPLY, "trust", SETTINGS, lambda done, planned: heard.append((done, planned))
    )
    assert heard == [(16, 256)]


@pytest.mark.parametrize(
    ("total", "difference", "holds", "share"),
    [(1.04, 1.0, True, 0.04), (1.06, 1.0, False, 0.06), (0.01, 0.0, True, None)],
)
def test_completeness_is_a_share_with_a_floor(
    total: float, difference: float, holds: bool, share: float | None
) -> None:
    told = completeness_of(total, difference, 0.05, 0.02)
    assert told.holds is holds
    assert told.share == (None if share is None else pytest.approx(share))


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="most_steps is 3; expected 16"):
        AttributionSettings(most_steps=3)
