"""Blind rankings by people: rank, win and naturalness of each version, metric by metric.

The table of the founding paper: versions of one persona answer the same held-out prompts, people
rank the answers with ties and rate how natural each is. *Rank* is the mean rank (1 is best; tied
replies share the mean of their places), *win* the share of comparisons in which a version was at
least as good as the baseline, *naturalness* the mean of 1..5.

Intervals redraw whole prompts: ratings of one prompt by several people are alike. The mean over
metrics redraws the same prompts for all of them.

Source: "RLAIF for dialogue impressions" (NLP2025), tables 4 and 5; Krippendorff, "Computing
Krippendorff's Alpha-Reliability" (2011) for the agreement.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rlaif.errors import RankingError

Floats = NDArray[np.float64]
MEAN = "mean"
NATURALNESS = (1, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """One person's verdict on one item. `ranks` by version, 1 is best, equal ones are ties."""

    prompt: str
    item: str
    metric: str
    rater: str
    ranks: Mapping[str, int]
    naturalness: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A mean over ratings with its interval; low and high are None below two prompts."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionFigures:
    """One cell group of the table; `win` is None for the baseline, which cannot beat itself."""

    version: str
    rank: Figure
    win: Figure | None
    naturalness: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricRow:
    """A row of the table; `metric` is a key or MEAN. Counts are those behind the row."""

    metric: str
    versions: tuple[VersionFigures, ...]
    ratings: int
    prompts: int
    raters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HumanTable:
    """Rows in the order of the metrics asked for, those without a rating left out, then the mean.

    `alpha`: Krippendorff's ordinal alpha of the ranks over items that two or more people ranked;
    None when there is none or everybody gave one rank throughout. `shared` counts those items.
    """

    baseline: str
    versions: tuple[str, ...]
    rows: tuple[MetricRow, ...]
    confidence: float
    alpha: float | None
    shared: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingSettings:
    """confidence in (0, 1); draws: redrawn sets of prompts; seed of the redrawing."""

    confidence: float = 0.95
    draws: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.confidence < 1:
            raise ValueError(f"confidence is {self.confidence}; expected a number in (0, 1)")
        if self.draws < 100:
            raise ValueError(f"draws is {self.draws}; expected 100 or more")


def make_table(
    rankings: Sequence[Ranking],
    *,
    versions: Sequence[str],
    metrics: Sequence[str],
    settings: RankingSettings,
) -> HumanTable:
    """The table of all rankings; the first of `versions` is the baseline.

    Raises RankingError when a ranking does not rank and rate exactly the versions.
    """
    for one in rankings:
        _check(one, versions)
    prompts = sorted({one.prompt for one in rankings})
    chosen = _redraw(len(prompts), settings)
    sums = {
        metric: _Sums([one for one in rankings if one.metric == metric], versions, prompts)
        for metric in metrics
    }
    rated = {metric: one for metric, one in sums.items() if one.rankings}
    rows = [_row(metric, [one], chosen, settings) for metric, one in rated.items()]
    if rated:
        rows.append(_row(MEAN, list(rated.values()), chosen, settings))
    alpha, shared = _agreement(rankings, versions)
    return HumanTable(
        baseline=versions[0],
        versions=tuple(versions),
        rows=tuple(rows),
        confidence=settings.confidence,
        alpha=alpha,
        shared=shared,
    )


def mean_ranks(ranks: Mapping[str, int]) -> dict[str, float]:
    """Places 1..k with ties sharing the mean of theirs: {a: 1, b: 1, c: 3} gives 1.5, 1.5, 3."""
    values = list(ranks.values())
    return {
        version: sum(one < rank for one in values) + (values.count(rank) + 1) / 2
        for version, rank in ranks.items()
    }


def krippendorff_ordinal(units: Iterable[Sequence[int]]) -> float | None:
    """Ordinal alpha of units, each the values that several raters gave it; 1 is full agreement.

    Units with fewer than two values are passed over. None when nothing can be compared or all
    values are the same.
    """
    comparable = [list(unit) for unit in units if len(unit) > 1]
    levels = sorted({value for unit in comparable for value in unit})
    if len(levels) < 2:
        return None
    place = {value: at for at, value in enumerate(levels)}
    together = np.zeros((len(levels), len(levels)))
    for unit in comparable:
        for first, one in enumerate(unit):
            for second, other in enumerate(unit):
                if first != second:
                    together[place[one], place[other]] += 1 / (len(unit) - 1)
    totals = together.sum(axis=1)
    reached = np.cumsum(totals) - totals / 2
    distance = np.square(np.abs(reached[:, None] - reached[None, :]))
    expected = float((np.outer(totals, totals) * distance).sum()) / (float(totals.sum()) - 1)
    return 1 - float((together * distance).sum()) / expected


class _Sums:
    """What one metric's rankings add up to, by prompt: count, ranks, wins, naturalness."""

    def __init__(
        self, rankings: Sequence[Ranking], versions: Sequence[str], prompts: Sequence[str]
    ) -> None:
        self.rankings = rankings
        self.versions = versions
        where = {prompt: at for at, prompt in enumerate(prompts)}
        shape = (len(prompts), len(versions))
        self.count = np.zeros(len(prompts))
        self.rank, self.win, self.natural = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        for one in rankings:
            at = where[one.prompt]
            places = mean_ranks(one.ranks)
            self.count[at] += 1
            self.rank[at] += [places[version] for version in versions]
            self.win[at] += [one.ranks[v] <= one.ranks[versions[0]] for v in versions]
            self.natural[at] += [one.naturalness[version] for version in versions]


def _row(
    metric: str, parts: Sequence[_Sums], chosen: Floats, settings: RankingSettings
) -> MetricRow:
    rankings = [one for part in parts for one in part.rankings]
    prompts = len({one.prompt for one in rankings})

    def figure(column: Callable[[_Sums], Floats], at: int) -> Figure:
        value = float(np.mean([column(p)[:, at].sum() / p.count.sum() for p in parts]))
        if prompts < 2:
            return Figure(value=value, low=None, high=None)
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn = np.array([(chosen @ column(p)[:, at]) / (chosen @ p.count) for p in parts])
        # A redrawn set may hold no prompt of a rarely rated metric: the others stand for the mean.
        there = np.isfinite(drawn)
        total = np.where(there, drawn, 0.0).sum(axis=0)
        means = total[there.any(axis=0)] / there.sum(axis=0)[there.any(axis=0)]
        tail = (1 - settings.confidence) / 2
        low, high = np.quantile(means, [tail, 1 - tail])
        return Figure(value=value, low=float(low), high=float(high))

    figures = tuple(
        VersionFigures(
            version=version,
            rank=figure(lambda part: part.rank, at),
            win=figure(lambda part: part.win, at) if at else None,
            naturalness=figure(lambda part: part.natural, at),
        )
        for at, version in enumerate(parts[0].versions)
    )
    return MetricRow(
        metric=metric,
        versions=figures,
        ratings=len(rankings),
        prompts=prompts,
        raters=len({one.rater for one in rankings}),
    )


def _redraw(prompts: int, settings: RankingSettings) -> Floats:
    """How often each prompt is in each redrawn set: [draws, prompts]."""
    rng = np.random.default_rng(settings.seed)
    if not prompts:
        return np.zeros((settings.draws, 0))
    drawn = rng.multinomial(prompts, np.full(prompts, 1 / prompts), size=settings.draws)
    return drawn.astype(np.float64)


def _agreement(rankings: Sequence[Ranking], versions: Sequence[str]) -> tuple[float | None, int]:
    by_item: dict[tuple[str, str], list[Ranking]] = {}
    for one in rankings:
        by_item.setdefault((one.item, one.metric), []).append(one)
    shared = [group for group in by_item.values() if len({one.rater for one in group}) > 1]
    # Twice the mean rank is a whole number: 1.5 becomes 3.
    units = [
        [round(2 * mean_ranks(one.ranks)[version]) for one in group]
        for group in shared
        for version in versions
    ]
    return krippendorff_ordinal(units), len(shared)


def _check(ranking: Ranking, versions: Sequence[str]) -> None:
    low, high = NATURALNESS
    for name, given in (("ranks", ranking.ranks), ("naturalness", ranking.naturalness)):
        if set(given) != set(versions):
            raise RankingError(
                f"{name} of item {ranking.item} are for {', '.join(sorted(given))}; expected "
                f"exactly {', '.join(versions)}"
            )
    if not all(1 <= rank <= len(versions) for rank in ranking.ranks.values()):
        raise RankingError(
            f"ranks of item {ranking.item} are {sorted(ranking.ranks.values())}; expected whole "
            f"numbers from 1 to {len(versions)}"
        )
    if not all(low <= value <= high for value in ranking.naturalness.values()):
        raise RankingError(
            f"naturalness of item {ranking.item} is {sorted(ranking.naturalness.values())}; "
            f"expected whole numbers from {low} to {high}"
        )
