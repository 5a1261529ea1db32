"""An alarm when agreement fell, and rarely when it did not."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from rlaif.agreement_drift import LEVEL, TimedPairs, drift, windows

BEGIN = datetime(2026, 5, 1, tzinfo=UTC)


def _rated(first: Sequence[float], second: Sequence[float]) -> list[TimedPairs]:
    return [
        TimedPairs(at=BEGIN + timedelta(hours=at), pairs=((float(x), float(y)),))
        for at, (x, y) in enumerate(zip(first, second, strict=True))
    ]


def _alike(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers 0-10 that agree moderately (kappa about 0.7)."""
    truth = rng.uniform(1, 9, n)
    noisy = [np.clip(np.round(truth + rng.normal(0, 1.4, n)), 0, 10) for _ in range(2)]
    return noisy[0], noisy[1]


def test_false_alarms_are_as_rare_as_stated() -> None:
    rng = np.random.default_rng(0)
    looks = 400
    found = [drift(_rated(*_alike(100, rng)), seed=seed) for seed in range(looks)]
    p_values = np.array([one.p_value for one in found])
    # At most a share `level` of looks, plus three standard errors.
    for level in (0.05, 0.2):
        allowed = level * looks + 3 * (level * (1 - level) * looks) ** 0.5
        assert (p_values <= level).sum() <= allowed
        assert (p_values <= level).sum() >= allowed - 6 * (level * (1 - level) * looks) ** 0.5
    assert sum(one.verdict == "fallen" for one in found) <= 5  # 0.0021 x 400 = 0.8


def test_a_reversal_of_the_newest_is_seen() -> None:
    rng = np.random.default_rng(1)
    for seed in range(20):
        first, second = _alike(120, rng)
        second[-40:] = 10 - second[-40:]
        found = drift(_rated(first, second), seed=seed)
        assert found.verdict == "fallen"
        assert found.before is not None
        assert found.newest is not None
        assert found.newest.high < found.before.low


def test_better_agreement_is_no_alarm() -> None:
    rng = np.random.default_rng(2)
    first, second = _alike(120, rng)
    second[-40:] = first[-40:]
    found = drift(_rated(first, second))
    assert found.verdict == "steady"
    assert found.p_value is not None
    assert found.p_value > 0.95


def test_an_offset_that_comes_up_is_a_fall() -> None:
    """The order stays, the numbers do not: kappa tells, and margins are made of numbers."""
    rng = np.random.default_rng(3)
    first, second = _alike(120, rng)
    second[-40:] = np.clip(second[-40:] - 4, 0, 10)
    assert drift(_rated(first, second)).verdict == "fallen"


def test_too_few_or_too_even_to_say() -> None:
    rng = np.random.default_rng(4)
    assert drift(_rated(*_alike(39, rng))).verdict == "few"
    assert drift(_rated(*_alike(40, rng))).verdict in ("steady", "fallen")
    assert drift(_rated([5.0] * 80, [5.0] * 80)).verdict == "flat"


def test_one_look_at_all_errs_once_in_twenty() -> None:
    """Twelve metrics, each of the evaluator with people and of people."""
    assert pytest.approx(0.05) == 2 * 12 * LEVEL


def test_windows_end_with_the_newest_and_step_by_ten() -> None:
    rng = np.random.default_rng(5)
    rated = _rated(*_alike(65, rng))
    found = windows(rated)
    # Ends at 65, 55 and 45: the window of 40 before each.
    assert [one.until for one in found] == [rated[end - 1].at for end in (45, 55, 65)]
    assert [one.since for one in found] == [rated[end - 40].at for end in (45, 55, 65)]
    assert {one.replies for one in found} == {40}
    for one in found:
        assert one.kappa is not None
        assert one.kappa.low <= one.kappa.value <= one.kappa.high


def test_a_first_window_may_be_short() -> None:
    rng = np.random.default_rng(6)
    assert windows(_rated(*_alike(9, rng))) == ()
    (only,) = windows(_rated(*_alike(25, rng)))
    assert only.replies == 25
