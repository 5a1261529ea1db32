"""How alike the training and the gate evaluator order the same replies to the gate's probes.

Spearman's rank correlation over the replies that both could score. Near 1 the second opinion is none
of its own; near 0 or below one of the two, or both, cannot be trusted. The interval redraws whole
topics, for probes of one topic are alike.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from persona.estimates import Estimate
from rlaif.gate_measurements import Measurements
from rlaif.gate_statistics import Case

_DRAWS = 1000
_FEWEST = 10
Floats = NDArray[np.float64]


def agreement(measured: Measurements, *, seed: int = 0) -> Estimate | None:
    """The correlation with a 95 % interval; None below ten replies or when one says all alike."""
    return spearman(
        measured.cases.get("training_score", ()), measured.cases.get("gate_score", ()), seed=seed
    )


def spearman(first: Sequence[Case], second: Sequence[Case], *, seed: int = 0) -> Estimate | None:
    """Rank correlation of the values of cases with the same id; the others are passed over."""
    other = {case.id: case.value for case in second}
    both = [case for case in first if case.id in other]
    if len(both) < _FEWEST:
        return None
    ours = np.array([case.value for case in both])
    theirs = np.array([other[case.id] for case in both])
    value = _correlation(ours, theirs)
    if value is None:
        return None
    topics: dict[str, list[int]] = {}
    for at, case in enumerate(both):
        topics.setdefault(case.topic, []).append(at)
    groups = [np.array(places) for places in topics.values()]
    rng = np.random.default_rng(seed)
    drawn: list[float] = []
    for _ in range(_DRAWS):
        places = np.concatenate([groups[at] for at in rng.integers(len(groups), size=len(groups))])
        one = _correlation(ours[places], theirs[places])
        if one is not None:
            drawn.append(one)
    low, high = np.quantile(drawn, [0.025, 0.975]) if drawn else (value, value)
    return Estimate(
        value=value, low=min(float(low), value), high=max(float(high), value), n=len(both)
    )


def health_json(measured: Measurements) -> dict[str, object]:
    """What the ledger keeps of the evaluators' health on one adapter's replies: no text."""
    found = agreement(measured)
    return {
        "correlation": None
        if found is None
        else {"value": found.value, "low": found.low, "high": found.high, "n": found.n},
        "unscored": {name: dict(reasons) for name, reasons in measured.unscored.items()},
    }


def _correlation(first: Floats, second: Floats) -> float | None:
    """Pearson's correlation of mean ranks; None where one of the two is constant."""
    one, other = rankdata(first), rankdata(second)
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / scale if scale > 0 else None
