"""The rows of a fit: readings with their targets, and how a prediction of them is judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import spearmanr

from rlaif.sft_targets import Table, Targets
from rlaif.sft_texts import Reading

Source = Literal["rated", "made"]

_FEWEST = 10
"""Rows below which no correlation is formed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitRows:
    """Rows that are learnt from or held out. groups: the dialogue of each. sources: whether people
    rated it or it was made to be taught."""

    readings: tuple[Reading, ...]
    targets: Targets
    groups: tuple[str, ...]
    sources: tuple[Source, ...]

    def by_text(self) -> list[tuple[int, ...]]:
        """Rows that share their tokens, in the order of first sight."""
        found: dict[tuple[int, ...], list[int]] = {}
        for row, reading in enumerate(self.readings):
            found.setdefault(reading.ids, []).append(row)
        return [tuple(rows) for rows in found.values()]


def joined(parts: Sequence[FitRows]) -> FitRows:
    """All rows, part after part."""
    return FitRows(
        readings=tuple(one for part in parts for one in part.readings),
        targets=Targets(
            value=np.concatenate([part.targets.value for part in parts]),
            weight=np.concatenate([part.targets.weight for part in parts]),
        ),
        groups=tuple(one for part in parts for one in part.groups),
        sources=tuple(one for part in parts for one in part.sources),
    )


def member_weights(groups: Sequence[str], members: int, seed: int) -> Table:
    """[members, rows]: how often each member drew the row's dialogue, one with replacement.

    A single member has every row once.
    """
    if members == 1:
        return np.ones((1, len(groups)))
    names = sorted(set(groups))
    drawn = np.random.default_rng(seed).poisson(1.0, size=(members, len(names)))
    place = {name: n for n, name in enumerate(names)}
    weights: Table = drawn[:, [place[group] for group in groups]].astype(np.float64)
    return weights


def rank_correlation(predicted: Table, rows: FitRows) -> float:
    """Mean Spearman's rho of predictions [rows, 12] with what is known; 0 when nothing is.

    People's ratings and made replies are correlated apart, each a mean over its impressions, and
    count alike: together, the plain difference between good and spoilt would drown the ratings.
    """
    sources = np.array(rows.sources)
    means = []
    for source in sorted(set(rows.sources)):
        found = []
        for column in range(predicted.shape[1]):
            known = (rows.targets.weight[:, column] > 0) & (sources == source)
            own, given = predicted[known, column], rows.targets.value[known, column]
            if known.sum() >= _FEWEST and own.std() > 0 and given.std() > 0:
                found.append(float(spearmanr(own, given).statistic))
        if found:
            means.append(sum(found) / len(found))
    return sum(means) / len(means) if means else 0.0
