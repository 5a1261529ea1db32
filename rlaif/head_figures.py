"""How well heads do on replies they were not fitted on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from persona.estimates import Estimate
from rlaif.agreement_statistics import percentiles, weighted_ranks
from rlaif.faults import FAULT_KINDS, LOWERED, Example
from rlaif.fit_heads import RATED
from rlaif.metrics import METRIC_KEYS

_RESAMPLES = 200

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultFigures:
    """AUC of one fault kind against the accepted replies of the same voices.

    caught: by the mean of the impressions it lowers; by_metric: by each of them; overall: by the
    mean of all twelve.
    """

    faults: int
    good: int
    caught: Estimate
    by_metric: Mapping[str, float]
    overall: float


def fault_figures(examples: Sequence[Example], values: Values) -> dict[str, FaultFigures]:
    """Figures of every kind that occurs. values: [rows, 12] in the order of METRIC_KEYS."""
    found: dict[str, FaultFigures] = {}
    for kind in FAULT_KINDS:
        bad = [n for n, example in enumerate(examples) if example.fault == kind]
        voices = {examples[n].context.voice for n in bad}
        good = [
            n
            for n, example in enumerate(examples)
            if example.fault is None
            and example.context.voice in voices
            and (example.maker == "given" or kind == "contradiction")
        ]
        if not bad or not good:
            continue
        rows = [*good, *bad]
        labels = np.array([1] * len(good) + [0] * len(bad))
        groups = [examples[n].context.group for n in rows]
        columns = {key: values[rows, METRIC_KEYS.index(key)] for key in LOWERED[kind]}
        together = np.mean(list(columns.values()), axis=0)
        found[kind] = FaultFigures(
            faults=len(bad),
            good=len(good),
            caught=_auc(labels, together, groups),
            by_metric={key: float(roc_auc_score(labels, own)) for key, own in columns.items()},
            overall=float(roc_auc_score(labels, values[rows].mean(1))),
        )
    return found


def rating_figures(examples: Sequence[Example], values: Values) -> dict[str, float]:
    """Spearman's rho between each rated impression and the raters' deviations; real replies only."""
    found: dict[str, float] = {}
    for key, names in RATED.items():
        rows, given = [], []
        for n, example in enumerate(examples):
            known = [
                example.context.ratings[name] for name in names if name in example.context.ratings
            ]
            if known and example.maker == "given":
                rows.append(n)
                given.append(sum(known) / len(known))
        if len(rows) >= 30:
            own = values[rows, METRIC_KEYS.index(key)]
            found[key] = float(spearmanr(own, given).statistic)
    return found


def _auc(labels: NDArray[np.int64], scores: Values, groups: Sequence[str]) -> Estimate:
    """AUC with a 95 % interval from resampling whole dialogues."""
    names, unit = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng(5)
    drawn = [rng.integers(len(names), size=len(names)) for _ in range(_RESAMPLES)]
    counts = [np.ones(len(names)), *(np.bincount(one, minlength=len(names)) for one in drawn)]
    figures = _aucs(labels, scores, np.array(counts, dtype=np.float64)[:, unit])
    return percentiles(float(figures[0]), figures[1:], len(labels))


def _aucs(labels: NDArray[np.int64], scores: Values, weights: Values) -> Values:
    """AUC per row of `weights` (draws, rows), by rank sums; NaN where one side was not drawn."""
    ranks = weighted_ranks(scores, weights)
    good, bad = weights @ (labels == 1), weights @ (labels == 0)
    above = (weights * ranks) @ (labels == 1) - good**2 / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(above / (good * bad))
