"""The watch lets equal adapters be, sees a bad one, and obeys no single visitor."""

import math
import random

import pytest

from rlaif.watch import Observation, WatchSettings, watch

SETTINGS = WatchSettings()
DEPLOYMENTS = 2000
WATCHED = 300
REVERTED_WITHIN = 110


def replies(
    rng: random.Random,
    count: int,
    *,
    retry: float = 0.1,
    visitors: int = 20,
    prefix: str = "v",
    correlation: float = 0.1,
    reward: float = 0.6,
) -> list[Observation]:
    """Visitors with habits of their own around the rate, in random order."""
    size = 1 / correlation - 1
    habits = [rng.betavariate(retry * size, (1 - retry) * size) for _ in range(visitors)]
    found = []
    for _ in range(count):
        who = rng.randrange(visitors)
        found.append(
            Observation(
                visitor=f"{prefix}{who}",
                retried=rng.random() < habits[who],
                thumb_down=rng.random() < 0.03,
                reward=min(1.0, max(0.0, rng.gauss(reward, 0.15))),
            )
        )
    return found


def turns_until_reverted(before: list[Observation], after: list[Observation]) -> int | None:
    """The evidence is the most that was ever won, so that it only grows: bisect."""
    if not watch(before, after, SETTINGS).revert:
        return None
    low, high = 1, len(after)
    while low < high:
        middle = (low + high) // 2
        if watch(before, after[:middle], SETTINGS).revert:
            high = middle
        else:
            low = middle + 1
    return low


def test_the_evidence_counts_every_moment_anybody_could_have_looked() -> None:
    rng = random.Random(1)
    before, after = replies(rng, 200), replies(rng, 120, retry=0.5)
    seen = [watch(before, after[:k], SETTINGS).evidence[0].e_value for k in range(len(after) + 1)]
    assert seen == sorted(seen)
    assert seen[0] == 1.0


@pytest.mark.long
def test_equal_adapters_are_hardly_ever_reverted_however_often_one_looks() -> None:
    false = 0
    for seed in range(DEPLOYMENTS):
        rng = random.Random(seed)
        before, after = replies(rng, 200, prefix="a"), replies(rng, WATCHED, prefix="b")
        false += watch(before, after, SETTINGS).revert
    assert false <= 0.05 * DEPLOYMENTS


def test_a_sample_of_equal_adapters_stays() -> None:
    false = 0
    for seed in range(100):
        rng = random.Random(seed)
        false += watch(replies(rng, 200), replies(rng, WATCHED, prefix="b"), SETTINGS).revert
    assert false <= 5


def test_a_sabotaged_adapter_is_reverted_within_n_turns() -> None:
    needed = []
    for seed in range(40):
        rng = random.Random(seed)
        before = replies(rng, 400, correlation=0.02)
        after = replies(rng, WATCHED, retry=0.4, prefix="b", correlation=0.02)
        needed.append(turns_until_reverted(before, after) or math.inf)
    assert sorted(needed)[int(0.9 * len(needed))] <= REVERTED_WITHIN


def test_a_lower_reward_is_seen() -> None:
    rng = random.Random(3)
    verdict = watch(replies(rng, 300), replies(rng, 200, reward=0.4), SETTINGS)
    assert verdict.revert
    assert [one.signal for one in verdict.evidence if one.alarms] == ["reward"]


def test_one_angry_visitor_cannot_force_a_rollback() -> None:
    rng = random.Random(4)
    before, calm = replies(rng, 300), replies(rng, 60)
    angry = [Observation(visitor="angry", retried=True, thumb_down=True, reward=0.0)] * 200
    assert not watch(before, [*calm, *angry], SETTINGS).revert
    crowd = [Observation(visitor=f"angry{k}", retried=True) for k in range(30)]
    assert watch(before, [*calm, *crowd], SETTINGS).revert


def test_the_only_user_of_a_machine_is_believed() -> None:
    rng = random.Random(5)
    before = replies(rng, 200, visitors=1, correlation=0.001)
    after = replies(rng, 100, retry=0.5, visitors=1, correlation=0.001)
    assert watch(before, after, SETTINGS).revert


def test_nothing_to_compare_with_is_no_verdict() -> None:
    after = [Observation(visitor=f"v{k}", retried=True) for k in range(100)]
    verdict = watch([], after, SETTINGS)
    assert not verdict.revert
    assert verdict.evidence[0].usual is None


def test_a_bet_on_one_visitor_by_hand() -> None:
    # 20 of 200 before; Clopper-Pearson's bound at 0.015 is the rate under which 20 or fewer have
    # probability 0.015; with the tolerance of 0.02 the first retry pays odds ratio r:
    # r p / (1 - p + r p) / p, the mean of r = 2, 4, 8.
    before = [Observation(visitor="own", retried=k < 20) for k in range(200)]
    evidence = watch(before, [Observation(visitor="own", retried=True)], SETTINGS).evidence[0]
    assert evidence.allowed is not None
    bound = evidence.allowed - 0.02
    tail = sum(math.comb(200, k) * bound**k * (1 - bound) ** (200 - k) for k in range(21))
    assert tail == pytest.approx(0.015, abs=1e-6)
    p = evidence.allowed
    pays = [r / (1 - p + r * p) for r in (2, 4, 8)]
    assert evidence.e_value == pytest.approx(sum(pays) / 3)


@pytest.mark.parametrize("settings", [{"alpha": 0.0}, {"alpha": 1.0}, {"tolerance": 0.6}])
def test_settings_are_checked(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="expected"):
        WatchSettings(**settings)
