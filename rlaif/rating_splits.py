"""Ways to put rated dialogues aside, from the kindest to the most honest."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from rlaif.rated_dialogues import RatedDialogue

SplitName = Literal[
    "random", "unseen_raters", "unseen_systems", "within_system", "unseen_raters_within"
]
SPLITS: tuple[SplitName, ...] = (
    "random",
    "unseen_raters",
    "unseen_systems",
    "within_system",
    "unseen_raters_within",
)
Centre = Literal["rater", "system"]

FEWEST_ASIDE = 5
"""Raters or systems that must be there before some of them are put aside."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingSplit:
    """Places in the data: to fit on, to stop by, to report. No dialogue is in two of them.

    centred_by: figures are of deviations from the mean of each rater or system, so that neither a
    rater's habit nor a system's fame counts; None: of the ratings as they are.
    """

    name: SplitName
    fit: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]
    centred_by: Centre | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitPlan:
    """Shares of what is put aside, 0..1; `seed` decides who."""

    validation_share: float = 0.1
    test_share: float = 0.1
    unseen_share: float = 0.3
    seed: int = 20


def make_splits(data: Sequence[RatedDialogue], plan: SplitPlan) -> list[RatingSplit]:
    """Every split that the data allow, in the order of `SPLITS`.

    random: dialogues 8:1:1, which leaks raters and systems. unseen_raters, unseen_systems: a share
    of them is put aside; a dialogue in which one of them takes part is never fitted on, and one
    rated by somebody aside is reported. within_system and unseen_raters_within: the test rows of
    random and unseen_raters, as deviations from the mean of each system or rater.
    """
    by_chance = _random_split(data, plan)
    splits = [by_chance]
    raters = _unseen_split(data, plan, "unseen_raters", lambda one: one.rater)
    systems = _unseen_split(data, plan, "unseen_systems", lambda one: one.system)
    splits += [split for split in (raters, systems) if split is not None]
    if _several_each(data, by_chance.test, lambda one: one.system):
        splits.append(_centred(by_chance, "within_system", "system"))
    if raters is not None and _several_each(data, raters.test, lambda one: one.rater):
        splits.append(_centred(raters, "unseen_raters_within", "rater"))
    return splits


def _random_split(data: Sequence[RatedDialogue], plan: SplitPlan) -> RatingSplit:
    groups = sorted({one.group for one in data})
    random.Random(plan.seed).shuffle(groups)
    tested = round(len(groups) * plan.test_share)
    stopped = tested + round(len(groups) * plan.validation_share)
    test, validation = frozenset(groups[:tested]), frozenset(groups[tested:stopped])
    return RatingSplit(
        name="random",
        fit=tuple(n for n, one in enumerate(data) if one.group not in test | validation),
        validation=tuple(n for n, one in enumerate(data) if one.group in validation),
        test=tuple(n for n, one in enumerate(data) if one.group in test),
        centred_by=None,
    )


def _unseen_split(
    data: Sequence[RatedDialogue],
    plan: SplitPlan,
    name: SplitName,
    whose: Callable[[RatedDialogue], str],
) -> RatingSplit | None:
    """None when too few raters or systems are named, or nothing would be left to fit on."""
    names = sorted({whose(one) for one in data} - {""})
    if len(names) < FEWEST_ASIDE:
        return None
    rng = random.Random(f"{plan.seed} {name}")
    rng.shuffle(names)
    aside = frozenset(names[: max(1, round(len(names) * plan.unseen_share))])
    touched = {one.group for one in data if aside & {one.rater, one.system, whose(one)}}
    test = tuple(n for n, one in enumerate(data) if whose(one) in aside)
    left = sorted({one.group for one in data} - touched)
    rng.shuffle(left)
    stopped = frozenset(left[: round(len(left) * plan.validation_share)])
    fit = tuple(n for n, one in enumerate(data) if one.group in set(left) - stopped)
    if not fit or not test:
        return None
    return RatingSplit(
        name=name,
        fit=fit,
        validation=tuple(n for n, one in enumerate(data) if one.group in stopped),
        test=test,
        centred_by=None,
    )


def _several_each(
    data: Sequence[RatedDialogue], rows: Sequence[int], whose: Callable[[RatedDialogue], str]
) -> bool:
    """Are there systems (raters) with several reported rows, so that deviations mean something?"""
    counts: dict[str, int] = {}
    for n in rows:
        counts[whose(data[n])] = counts.get(whose(data[n]), 0) + 1
    counts.pop("", None)
    return sum(count for count in counts.values() if count > 1) >= 2 * FEWEST_ASIDE


def _centred(split: RatingSplit, name: SplitName, centre: Centre) -> RatingSplit:
    return RatingSplit(
        name=name,
        fit=split.fit,
        validation=split.validation,
        test=split.test,
        centred_by=centre,
    )
