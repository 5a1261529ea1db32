"""What the bouts of an arena say besides the ratings; every interval redraws whole situations.

Replies to one situation are alike, however many there are: more rounds make a rating deviation
small, only more situations make these intervals small.
"""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from persona.estimates import Estimate
from rlaif.arena import Arena, Played, periods_of
from rlaif.arena_judges import Verdict
from rlaif.arena_ratings import rate
from rlaif.clustered_share import Case, clustered_share
from rlaif.evaluator import Pick, Unscored

_DRAWS = 200
_ORDERS = 3
"""Of the periods, for each redrawn set; all of them would take long and change little."""
_POINTS = {"a": 1.0, "tie": 0.5, "b": 0.0}


_SAME_IN_BOTH: frozenset[tuple[Pick, Pick]] = frozenset(
    {("first", "second"), ("second", "first"), ("tie", "tie")}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """Two versions' bouts. `share`: of the points that went to `first`, a tie half a point; None
    where nothing was decided. `clear`: the interval leaves out one half."""

    first: str
    second: str
    won: int
    tied: int
    lost: int
    unscored: int
    share: Estimate | None

    @property
    def clear(self) -> bool:
        """Whether one of the two is preferred beyond the draw of the situations."""
        return self.share is not None and not self.share.low <= 0.5 <= self.share.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """How a judge that sees both replies depends on which comes first.

    `flipped`: share of bouts in which the two orders disagreed, which makes them ties;
    `first_preferred`: share of the answers with a preference that took the reply shown first, 0.5
    without any bias. None where the judge sees no order.
    """

    flipped: Estimate | None
    first_preferred: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArenaFigures:
    """`redrawn`: version -> the rating's 95 % interval over redrawn situations; None below two
    situations and for a version that won or lost everything, which redrawing cannot change.
    `points`: version -> share of all its points. `same`: bouts in which both said one text."""

    meetings: tuple[Meeting, ...]
    points: Mapping[str, Estimate | None]
    redrawn: Mapping[str, tuple[float, float] | None]
    orders: Orders
    same: int
    unscored: Mapping[str, int]


def arena_figures(arena: Arena, *, draws: int = _DRAWS, seed: int = 0) -> ArenaFigures:
    """All figures of one judge's arena; the same arena and seed give the same figures.

    `draws`: redrawn sets of situations behind the ratings' intervals.
    """
    reasons = [one.verdict.reason for one in arena.played if isinstance(one.verdict, Unscored)]
    verdicts = [one.verdict for one in arena.played if isinstance(one.verdict, Verdict)]
    return ArenaFigures(
        meetings=tuple(
            _meeting(first, second, arena.played, seed)
            for first, second in itertools.combinations(arena.versions, 2)
        ),
        points={name: _points(name, arena.played, seed) for name in arena.versions},
        redrawn=_redrawn(arena, draws, seed),
        orders=_orders(arena.played, seed),
        same=sum(one.same for one in verdicts),
        unscored=Counter(reasons),
    )


def _meeting(first: str, second: str, played: Sequence[Played], seed: int) -> Meeting:
    mine = [one for one in played if (one.bout.first, one.bout.second) == (first, second)]
    found = Counter(
        one.verdict.preferred if isinstance(one.verdict, Verdict) else "unscored" for one in mine
    )
    return Meeting(
        first=first,
        second=second,
        won=found["a"],
        tied=found["tie"],
        lost=found["b"],
        unscored=found["unscored"],
        share=clustered_share(
            [
                Case(cluster=one.bout.situation, value=_POINTS[one.verdict.preferred])
                for one in mine
                if isinstance(one.verdict, Verdict)
            ],
            seed=seed,
        ),
    )


def _points(name: str, played: Sequence[Played], seed: int) -> Estimate | None:
    cases = []
    for one in played:
        if not isinstance(one.verdict, Verdict) or name not in (one.bout.first, one.bout.second):
            continue
        points = _POINTS[one.verdict.preferred]
        value = points if name == one.bout.first else 1 - points
        cases.append(Case(cluster=one.bout.situation, value=value))
    return clustered_share(cases, seed=seed)


def _redrawn(arena: Arena, draws: int, seed: int) -> dict[str, tuple[float, float] | None]:
    by_situation: dict[str, list[Played]] = {}
    for one in arena.played:
        by_situation.setdefault(one.bout.situation, []).append(one)
    groups = list(by_situation.values())
    if len(groups) < 2:
        return dict.fromkeys(arena.versions)
    rng = np.random.default_rng(seed)
    runs = []
    for _ in range(draws):
        drawn = [groups[at] for at in rng.integers(len(groups), size=len(groups))]
        periods = periods_of([one for group in drawn for one in group], len(arena.versions))
        runs.append(rate(arena.versions, periods, orders=_ORDERS))
    intervals: dict[str, tuple[float, float] | None] = {}
    for name in arena.versions:
        low, high = np.quantile([run[name].rating for run in runs], [0.025, 0.975])
        intervals[name] = None if name in arena.one_sided else (float(low), float(high))
    return intervals


def _orders(played: Sequence[Played], seed: int) -> Orders:
    flipped: list[Case] = []
    first: list[Case] = []
    for one in played:
        if not isinstance(one.verdict, Verdict) or one.verdict.picks is None:
            continue
        place = one.bout.situation
        flipped.append(Case(cluster=place, value=float(one.verdict.picks not in _SAME_IN_BOTH)))
        first += [
            Case(cluster=place, value=float(pick == "first"))
            for pick in one.verdict.picks
            if pick != "tie"
        ]
    return Orders(
        flipped=clustered_share(flipped, seed=seed),
        first_preferred=clustered_share(first, seed=seed),
    )
