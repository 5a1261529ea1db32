"""The duel's test keeps its error when looked at after every vote, and sees what is there."""

import math

import numpy as np
import pytest

from rlaif.duel import DuelResult, DuelSettings, Vote, judge_votes

SETTINGS = DuelSettings()


def _votes(values: list[float]) -> list[Vote]:
    return [Vote(visitor=f"v{at}", value=value) for at, value in enumerate(values)]


def _simulate(
    rng: np.random.Generator, *, duels: int, share: float, taste: float | None = None
) -> DuelResult:
    """Votes of 200 visitors; `taste`: concentration of the Beta that draws each one's own share."""
    if taste is None:
        shares = np.full(200, share)
    else:
        shares = rng.beta(taste * share, taste * (1 - share), 200)
    who = rng.integers(0, 200, duels)
    values = rng.random(duels) < shares[who]
    votes = [Vote(visitor=str(v), value=float(x)) for v, x in zip(who, values, strict=True)]
    return judge_votes(votes, SETTINGS)


def test_the_wealth_is_that_of_the_stakes_worked_by_hand() -> None:
    # One vote for the newer: a stake s becomes 1 + s/2, on average over 0.05 … 1.00.
    mean_stake = sum(step / 20 for step in range(1, 21)) / 20
    result = judge_votes(_votes([1.0]), SETTINGS)
    assert result.curve[0].newer == pytest.approx(1 + mean_stake / 2)
    assert result.curve[0].older == pytest.approx(1 - mean_stake / 2)
    assert result.bound == 40
    # n votes in a row: the mean of (1 + s/2)^n reaches 40 at the first n where it is so.
    needed = next(
        n for n in range(1, 99) if sum((1 + s / 40) ** n for s in range(1, 21)) / 20 >= 40
    )
    assert judge_votes(_votes([1.0] * needed), SETTINGS).decided_after == needed
    assert judge_votes(_votes([1.0] * (needed - 1)), SETTINGS).standing == "open"


def test_both_sides_are_mirrored_and_a_tie_moves_nothing() -> None:
    values = [1.0, 0.5, 0.0, 1.0, 1.0]
    ours = judge_votes(_votes(values), SETTINGS)
    theirs = judge_votes(_votes([1 - one for one in values]), SETTINGS)
    assert [one.newer for one in ours.curve] == pytest.approx([one.older for one in theirs.curve])
    assert (ours.low, ours.high) == pytest.approx((1 - theirs.high, 1 - theirs.low))
    assert ours.curve[1].newer == pytest.approx(ours.curve[0].newer)
    assert (ours.newer, ours.older, ours.ties, ours.share) == (3, 1, 1, 0.7)


def test_only_the_first_votes_of_a_visitor_count() -> None:
    loud = [Vote(visitor="loud", value=1.0)] * 500
    result = judge_votes(loud, SETTINGS)
    assert (result.votes, result.counted, result.visitors) == (500, 5, 1)
    assert result.standing == "open"


def test_nobody_voted() -> None:
    result = judge_votes([], SETTINGS)
    assert (result.share, result.low, result.high) == (None, 0.0, 1.0)
    assert (result.standing, result.curve) == ("open", ())


def test_a_decision_stays_whatever_comes_after() -> None:
    first = judge_votes(_votes([1.0] * 30), SETTINGS)
    later = judge_votes(_votes([1.0] * 30 + [0.0] * 200), SETTINGS)
    assert first.standing == later.standing == "newer"
    assert first.decided_after == later.decided_after


def test_the_interval_leaves_one_half_out_exactly_when_decided() -> None:
    rng = np.random.default_rng(4)
    for share in (0.5, 0.6, 0.75):
        for _ in range(10):
            result = _simulate(rng, duels=400, share=share)
            outside = result.low >= 0.5 or result.high <= 0.5
            assert outside == (result.standing != "open")
            assert result.share is not None
            assert result.low <= result.share <= result.high


@pytest.mark.parametrize("taste", [None, 10.0], ids=["fair votes", "visitors with a taste"])
def test_a_fair_pair_is_promoted_in_at_most_one_of_twenty(taste: float | None) -> None:
    """Looked at after each of 2,000 duels. 200 runs: three standard errors are 0.046."""
    rng = np.random.default_rng(11)
    runs = [_simulate(rng, duels=2000, share=0.5, taste=taste) for _ in range(200)]
    promoted = sum(run.standing == "newer" for run in runs) / len(runs)
    demoted = sum(run.standing == "older" for run in runs) / len(runs)
    assert promoted <= 0.05
    assert promoted + demoted <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / len(runs))


def test_a_better_adapter_is_seen() -> None:
    rng = np.random.default_rng(12)
    runs = [_simulate(rng, duels=2000, share=0.6) for _ in range(60)]
    assert sum(run.standing == "newer" for run in runs) / len(runs) >= 0.9
    assert not any(run.standing == "older" for run in runs)


@pytest.mark.parametrize("value", [0.3, 2.0, math.nan])
def test_a_vote_is_one_of_three(value: float) -> None:
    with pytest.raises(ValueError, match="expected 0"):
        Vote(visitor="v", value=value)
