"""Per metric: how well the evaluator agrees with people, beside how well people agree.

One person's rating is compared with one other rating, the evaluator's or another person's, never
with a mean of people: a mean is steadier than any of them and would flatter the evaluator. Two
people have no order, so each of their pairs counts both ways round.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import permutations
from typing import Literal

from persona.estimates import Estimate
from rlaif.agreement_drift import FEWEST, Drift, TimedPairs, WindowFigure, drift, windows
from rlaif.agreement_statistics import (
    alphas,
    gaps,
    interval,
    kappas,
    offsets,
    pairs_of,
    redraw,
    spearmans,
    table_of,
)
from rlaif.metrics import METRIC_KEYS
from store.ratings import RatedReply, Rating

_DRAWS = 500

Missing = Literal["", "few", "flat"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far two sides agree on one metric; intervals redraw whole replies.

    `alpha` is over all raters of a reply with gaps; where the evaluator is a side it is one rater
    more, so an alpha below that of the people alone says that it is the odd one out. `offset`: mean
    of evaluator minus person, None between people. `gap`: mean distance. Both in points of 0..10.
    `missing`: why a figure is None: few (fewer than ten such replies) or flat (ratings that do not
    differ).
    """

    replies: int
    ratings: int
    missing: Missing = ""
    kappa: Estimate | None = None
    spearman: Estimate | None = None
    alpha: Estimate | None = None
    offset: Estimate | None = None
    gap: Estimate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricAgreement:
    """Everything on one metric. `blind`: the evaluator against reviews whose writer did not see its
    scores; the others may have been drawn towards them."""

    metric: str
    evaluator: Agreement
    people: Agreement
    blind: Agreement
    history: tuple[WindowFigure, ...]
    people_history: tuple[WindowFigure, ...]
    drift: Drift
    people_drift: Drift


def metric_agreements(
    replies: Sequence[RatedReply], *, learnt_until: datetime | None = None, seed: int = 0
) -> dict[str, MetricAgreement]:
    """Every metric by its key.

    What the evaluator was fitted on it repeats, so reviews up to `learnt_until` are left out where
    it is one side; between people they count.
    """
    return {
        key: metric_agreement(key, replies, learnt_until=learnt_until, seed=seed)
        for key in METRIC_KEYS
    }


def metric_agreement(
    metric: str,
    replies: Sequence[RatedReply],
    *,
    learnt_until: datetime | None = None,
    seed: int = 0,
) -> MetricAgreement:
    """One metric's agreement. Raises ValueError when it is not one of the twelve."""
    if metric not in METRIC_KEYS:
        raise ValueError(f"metric is {metric!r}; expected one of {', '.join(METRIC_KEYS)}")
    rated = sorted(
        (
            (max(one.at for one in given), reply, given)
            for reply in replies
            if (given := reply.ratings.get(metric, ()))
        ),
        key=lambda one: (one[0], one[1].reply_id),
    )
    scored = [
        (float(reply.evaluator[metric]), later)
        for _, reply, given in rated
        if reply.evaluator is not None and (later := _later(given, learnt_until))
    ]
    blind = [(own, seen) for own, given in scored if (seen := [r for r in given if r.blind])]
    timed = [_against_evaluator(own, given) for own, given in scored]
    shared = [_against_people(given) for _, _, given in rated if len(given) > 1]
    return MetricAgreement(
        metric=metric,
        evaluator=_of_evaluator(scored, seed),
        people=_of_people([given for _, _, given in rated if len(given) > 1], seed),
        blind=_of_evaluator(blind, seed),
        history=windows(timed, seed=seed),
        people_history=windows(shared, seed=seed),
        drift=drift(timed, seed=seed),
        people_drift=drift(shared, seed=seed),
    )


def _later(given: Sequence[Rating], learnt_until: datetime | None) -> list[Rating]:
    return [one for one in given if learnt_until is None or one.at > learnt_until]


def _against_evaluator(own: float, given: Sequence[Rating]) -> TimedPairs:
    return TimedPairs(
        at=max(one.at for one in given), pairs=tuple((own, one.value) for one in given)
    )


def _against_people(given: Sequence[Rating]) -> TimedPairs:
    values = [one.value for one in given]
    return TimedPairs(at=max(one.at for one in given), pairs=tuple(permutations(values, 2)))


def _of_evaluator(scored: Sequence[tuple[float, Sequence[Rating]]], seed: int) -> Agreement:
    return _agreement(
        [[(own, one.value) for one in given] for own, given in scored],
        [[own, *(one.value for one in given)] for own, given in scored],
        ratings=sum(len(given) for _, given in scored),
        seed=seed,
    )


def _of_people(shared: Sequence[Sequence[Rating]], seed: int) -> Agreement:
    values = [[one.value for one in given] for given in shared]
    return _agreement(
        [list(permutations(some, 2)) for some in values],
        values,
        ratings=sum(len(some) for some in values),
        directed=False,
        seed=seed,
    )


def _agreement(
    compared: Sequence[Sequence[tuple[float, float]]],
    tabled: Sequence[Sequence[float]],
    *,
    ratings: int,
    directed: bool = True,
    seed: int,
) -> Agreement:
    """Figures over replies: their compared pairs, and all their ratings in a table."""
    replies = len(compared)
    if replies < FEWEST:
        return Agreement(replies=replies, ratings=ratings, missing="few")
    pairs, table = pairs_of(compared), table_of(tabled)
    draws = redraw(replies, _DRAWS, seed)
    kappa = interval(lambda taken: kappas(pairs, pairs.taken(taken)), draws)
    spearman = interval(lambda taken: spearmans(pairs, pairs.taken(taken)), draws)
    offset = interval(lambda taken: offsets(pairs, pairs.taken(taken)), draws)
    return Agreement(
        replies=replies,
        ratings=ratings,
        missing="flat" if kappa is None or spearman is None else "",
        kappa=kappa,
        spearman=spearman,
        alpha=interval(lambda taken: alphas(table, taken), draws),
        offset=offset if directed else None,
        gap=interval(lambda taken: gaps(pairs, pairs.taken(taken)), draws),
    )
