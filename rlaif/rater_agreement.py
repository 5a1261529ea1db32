"""How far two people agree who rated one dialogue: what an evaluator's figures are to be read beside."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Literal

import numpy as np

from persona.estimates import Estimate
from rlaif.agreement_statistics import Floats
from rlaif.rated_dialogues import RatedDialogue
from rlaif.rating_figures import (
    centred,
    estimate_of,
    make_clusters,
    mean_of,
    rank_correlations,
)

Seats = Literal["same", "partners"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterAgreement:
    """Spearman between two raters of one dialogue, each pair counted both ways round.

    seats: "same" when both rated the same speaker, which bounds what any evaluator can reach;
    "partners" when each rated the other, which is no bound: they answered about different people.
    as_given, within_rater: by rating, of the ratings and of deviations from each rater's mean.
    """

    seats: Seats
    as_given: Mapping[str, Estimate | None]
    within_rater: Mapping[str, Estimate | None]
    mean: Estimate | None
    mean_within_rater: Estimate | None


def rater_agreement(
    data: Sequence[RatedDialogue], names: Sequence[str], draws: int, seed: int
) -> RaterAgreement | None:
    """None when no dialogue was rated by two people; same seats are preferred to partners."""
    pairs, seats = _pairs(data, lambda a, b: a.system == b.system), "same"
    if not pairs:
        pairs, seats = _pairs(data, lambda a, b: a.system != b.system), "partners"
    if not pairs:
        return None
    given = _ratings(data, names)
    as_given, mean = _figures(data, pairs, names, given, draws, seed)
    habit_free = centred(given, [one.rater for one in data])
    within, mean_within = _figures(data, pairs, names, habit_free, draws, seed)
    return RaterAgreement(
        seats="same" if seats == "same" else "partners",
        as_given=as_given,
        within_rater=within,
        mean=mean,
        mean_within_rater=mean_within,
    )


def _ratings(data: Sequence[RatedDialogue], names: Sequence[str]) -> Floats:
    return np.array(
        [[one.ratings.get(name, np.nan) for name in names] for one in data], dtype=np.float64
    ).reshape(len(data), len(names))


def _pairs(
    data: Sequence[RatedDialogue], fits: Callable[[RatedDialogue, RatedDialogue], bool]
) -> list[tuple[int, int]]:
    by_group: dict[str, list[int]] = {}
    for n, one in enumerate(data):
        by_group.setdefault(one.group, []).append(n)
    return [
        (a, b)
        for rows in by_group.values()
        for a, b in permutations(rows, 2)
        if data[a].rater != data[b].rater and fits(data[a], data[b])
    ]


def _figures(
    data: Sequence[RatedDialogue],
    pairs: Sequence[tuple[int, int]],
    names: Sequence[str],
    ratings: Floats,
    draws: int,
    seed: int,
) -> tuple[dict[str, Estimate | None], Estimate | None]:
    first, second = (np.array(side, dtype=np.intp) for side in zip(*pairs, strict=True))
    groups = [data[a].group for a, _ in pairs]
    clusters = make_clusters(groups, draws, seed)
    found: dict[str, Floats] = {}
    counts: dict[str, int] = {}
    for at, name in enumerate(names):
        both = np.stack([ratings[first, at], ratings[second, at]], axis=1)
        rows = np.flatnonzero(np.isfinite(both).all(axis=1))
        found[name] = rank_correlations(both, clusters, rows)[:, 0, 1]
        counts[name] = len(set(clusters.unit[rows].tolist()))
    mean = mean_of(list(found.values()))
    return (
        {name: estimate_of(found[name], counts[name]) for name in names},
        estimate_of(mean, max(counts.values(), default=0)),
    )
