"""Whether visitors prefer the newer of two adapters: a test that may be looked at after every vote.

A bettor stakes a share of their wealth on "newer" before each vote is known. If every vote is a fair
coin, the wealth is a martingale that begins at 1, so that it ever reaches 1 / a with probability at
most a (Ville's inequality): looking every morning costs nothing. One bettor bets on the newer
adapter and one on the older, each against half of alpha; each spreads the first coin over
twenty fixed stakes, because the best one depends on what nobody knows yet.

Votes of one visitor are alike. Only the first `votes_per_visitor` of each count, which keeps the
error near alpha also when every visitor has a taste of their own (see the tests); the promise of the
inequality itself is for fair votes. A tie moves nobody's wealth.

Source: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting" (JRSS B
2024); Ville, "Etude critique de la notion de collectif" (1939).
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Standing = Literal["newer", "older", "open"]
Floats = NDArray[np.float64]

_STAKES = np.arange(1, 21) / 20
_GRID = tuple(step / 200 for step in range(1, 200))


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """`value`: 1 for the newer adapter, 0 for the older, 0.5 for "about the same"."""

    visitor: str
    value: float

    def __post_init__(self) -> None:
        if self.value not in (0.0, 0.5, 1.0):
            raise ValueError(f"a vote is {self.value}; expected 0 (older), 0.5 (tie) or 1 (newer)")


@dataclass(frozen=True, slots=True, kw_only=True)
class DuelSettings:
    """alpha: how often a fair pair may ever be decided. Votes of one visitor beyond the cap do not
    count."""

    alpha: float = 0.05
    votes_per_visitor: int = 5

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha is {self.alpha}; expected a number in (0, 1)")
        if self.votes_per_visitor < 1:
            raise ValueError(f"votes_per_visitor is {self.votes_per_visitor}; expected 1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Wealth of both bettors after `votes` counted votes; 1 is where they began."""

    votes: int
    newer: float
    older: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DuelResult:
    """`share`: of the counted votes for the newer adapter, a tie half; None without any.

    low and high hold the true share at every look at once with confidence 1 - alpha. `bound`: the
    wealth that decides; once reached, the standing stays. `decided_after`: counted votes.
    """

    votes: int
    counted: int
    visitors: int
    newer: int
    older: int
    ties: int
    share: float | None
    low: float
    high: float
    bound: float
    curve: tuple[Evidence, ...]
    standing: Standing
    decided_after: int | None


def judge_votes(votes: Sequence[Vote], settings: DuelSettings) -> DuelResult:
    """What all votes of one pair of adapters say, in the order in which they were cast."""
    counted = _capped(votes, settings.votes_per_visitor)
    values = np.array([vote.value for vote in counted], dtype=np.float64)
    newer, older = _log_wealth(values, 0.5), _log_wealth(1 - values, 0.5)
    bound = 2 / settings.alpha
    standing, decided_after = _first_over(newer, older, math.log(bound))
    low, high = _interval(values, bound)
    tally = Counter(vote.value for vote in counted)
    return DuelResult(
        votes=len(votes),
        counted=len(counted),
        visitors=len({vote.visitor for vote in counted}),
        newer=tally[1.0],
        older=tally[0.0],
        ties=tally[0.5],
        share=float(values.mean()) if len(values) else None,
        low=low,
        high=high,
        bound=bound,
        curve=tuple(
            Evidence(votes=at, newer=math.exp(one), older=math.exp(other))
            for at, (one, other) in enumerate(zip(newer, older, strict=True), start=1)
        ),
        standing=standing,
        decided_after=decided_after,
    )


def _capped(votes: Sequence[Vote], most: int) -> list[Vote]:
    seen: Counter[str] = Counter()
    kept: list[Vote] = []
    for vote in votes:
        seen[vote.visitor] += 1
        if seen[vote.visitor] <= most:
            kept.append(vote)
    return kept


def _log_wealth(values: Floats, share: float) -> Floats:
    """Logarithm of the wealth after each vote of who bets that the mean is above `share`."""
    if not len(values):
        return np.zeros(0)
    # At the whole stake half of what is there may be lost; at share 0.5 the stakes are 0.05 to 1.
    stakes = _STAKES * 0.5 / share
    runs = np.cumsum(np.log1p(np.outer(values - share, stakes)), axis=0)
    highest = runs.max(axis=1)
    mean = np.exp(runs - highest[:, None]).mean(axis=1)
    return np.asarray(highest + np.log(mean), dtype=np.float64)


def _first_over(newer: Floats, older: Floats, bound: float) -> tuple[Standing, int | None]:
    over = np.flatnonzero(np.maximum(newer, older) >= bound)
    if not len(over):
        return "open", None
    first = int(over[0])
    return ("newer" if newer[first] >= bound else "older"), first + 1


def _interval(values: Floats, bound: float) -> tuple[float, float]:
    """The shares that neither bettor has ever refuted; on a grid of 0.005, for speed."""
    if not len(values):
        return 0.0, 1.0
    return _refuted_up_to(values, bound), 1 - _refuted_up_to(1 - values, bound)


def _refuted_up_to(values: Floats, bound: float) -> float:
    """The highest share of the grid that who bets on more has refuted, 0 when none.

    A stake wins more the lower the share it bets against, so that the refuted ones come first.
    """
    limit = math.log(bound)
    at = bisect_left(_GRID, True, key=lambda one: bool(_log_wealth(values, one).max() < limit))
    return _GRID[at - 1] if at else 0.0
