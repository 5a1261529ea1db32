"""Agreement with the operators and the weight it gives."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from rlaif.errors import PairingError
from rlaif.metrics import METRIC_KEYS
from rlaif.trust import PairedReview, TrustSettings, metric_trust, trust_weights, weighted_kappa

NOW = datetime(2026, 5, 10, 3, tzinfo=UTC)
SETTINGS = TrustSettings()


def by_matrix(first: list[int], second: list[int]) -> float:
    """Cohen's definition over the table of an 11-point scale."""
    n = len(first)
    seen, rows, columns = Counter(zip(first, second, strict=True)), Counter(first), Counter(second)
    cells = [(i, j) for i in range(11) for j in range(11)]
    observed = sum((i - j) ** 2 * seen[i, j] / n for i, j in cells)
    expected = sum((i - j) ** 2 * rows[i] * columns[j] / n**2 for i, j in cells)
    return 1 - observed / expected


def reviews(pairs: list[tuple[float, float]], *, newest: datetime = NOW) -> list[PairedReview]:
    return [
        PairedReview(operator=one, evaluator=other, at=newest - timedelta(minutes=len(pairs) - at))
        for at, (one, other) in enumerate(pairs)
    ]


def agreeing(n: int, rng: Random, noise: float = 1.0) -> list[tuple[float, float]]:
    truth = [rng.uniform(1, 9) for _ in range(n)]
    return [(float(round(t)), min(10.0, max(0.0, t + rng.gauss(0, noise)))) for t in truth]


def test_kappa_is_cohens_on_whole_numbers() -> None:
    rng = Random(0)
    first = [rng.randrange(11) for _ in range(60)]
    second = [min(10, max(0, each + rng.choice((-2, -1, 0, 0, 1, 3)))) for each in first]
    found = weighted_kappa([float(x) for x in first], [float(x) for x in second])
    assert found is not None
    assert found.value == pytest.approx(by_matrix(first, second), abs=1e-12)
    assert found.low < found.value < found.high
    assert found.n == 60


def test_the_ends_of_the_scale() -> None:
    same = weighted_kappa([1, 5, 9, 3], [1, 5, 9, 3])
    reverse = weighted_kappa([1, 5, 9, 5], [9, 5, 1, 5])
    assert same is not None
    assert reverse is not None
    assert same.value == 1.0
    assert same.low > 0.99
    assert reverse.value == -1.0
    assert weighted_kappa([5, 5, 5], [5, 5, 5]) is None
    assert weighted_kappa([5, 6], [5, 6]) is None
    flat = weighted_kappa([2, 5, 8], [5, 5, 5])
    assert flat is not None
    assert flat.value == pytest.approx(0.0)
    with pytest.raises(ValueError, match="as many"):
        weighted_kappa([1, 2, 3], [1])


def test_the_interval_covers_the_true_agreement() -> None:
    # x = t + a, y = t + b with var t = 4, var a = var b = 1: kappa = 4 / 5.
    rng = Random(7)
    hits = 0
    for _ in range(300):
        truth = [rng.gauss(5, 2) for _ in range(50)]
        found = weighted_kappa(
            [t + rng.gauss(0, 1) for t in truth], [t + rng.gauss(0, 1) for t in truth]
        )
        assert found is not None
        hits += found.low <= 0.8 <= found.high
    assert hits >= 0.91 * 300


def test_few_reviews_leave_the_prior() -> None:
    rng = Random(1)
    for n in (0, 1, 19):
        trust = metric_trust("topic", reviews(agreeing(n, rng)), SETTINGS, NOW)
        assert (trust.weight, trust.kappa, trust.reviews) == (SETTINGS.prior, None, n)
    assert metric_trust("topic", reviews(agreeing(20, rng)), SETTINGS, NOW).weight > 0.8


def test_reviews_outside_the_window_do_not_count() -> None:
    rng = Random(2)
    old = reviews(agreeing(40, rng), newest=NOW - timedelta(days=91))
    later = reviews(agreeing(40, rng), newest=NOW + timedelta(days=1))
    assert metric_trust("topic", old + later, SETTINGS, NOW).reviews == 0


@pytest.mark.parametrize("before", [0, 20, 200])
@pytest.mark.parametrize("seed", range(20))
def test_thirty_reversed_labels_of_one_metric_take_its_weight(before: int, seed: int) -> None:
    rng = Random(seed)
    honest = {key: agreeing(before + 30, rng) for key in METRIC_KEYS}
    earlier = trust_weights({key: reviews(each) for key, each in honest.items()}, SETTINGS, NOW)
    assert all(trust.weight > 0.8 for trust in earlier.values())
    reverse = honest["empathetic"]
    honest["empathetic"] = reverse[:before] + [(10 - one, other) for one, other in reverse[before:]]
    after = trust_weights({key: reviews(each) for key, each in honest.items()}, SETTINGS, NOW)
    assert after["empathetic"].weight == 0.0
    assert all(after[key] == earlier[key] for key in METRIC_KEYS if key != "empathetic")


def test_between_none_and_full_the_weight_follows_kappa() -> None:
    rng = Random(3)
    weak = metric_trust("topic", reviews(agreeing(40, rng, noise=4.5)), SETTINGS, NOW)
    assert weak.kappa is not None
    assert 0 < weak.kappa.value < SETTINGS.full_kappa
    assert weak.weight == pytest.approx(weak.kappa.value / SETTINGS.full_kappa)


def test_unknown_metrics_and_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="charm"):
        trust_weights({"charm": []}, SETTINGS, NOW)
    for wrong in ({"few_reviews": 2}, {"prior": 1.5}, {"full_kappa": 0.0}, {"window_reviews": 5}):
        with pytest.raises(PairingError):
            TrustSettings(**wrong)  # type: ignore[arg-type]
    with pytest.raises(PairingError):
        TrustSettings(window=timedelta(0))
