"""Agreement over time: rolling windows of reviewed replies, and a test whether it has fallen.

The test asks whether kappa over the newest replies is lower than over all earlier ones by more than
the order of the replies explains: the replies are put into random orders, each anew split into as
many earlier and newest ones. When nothing changed every order is as likely as the true one, so a
share `level` of looks raises an alarm by mistake, whatever the ratings look like.

Two comparisons of each of twelve metrics are looked at together, so each is tested at 0.05 / 24
(Bonferroni): at most one look in twenty at all of them raises any. Each further look has that chance
again.

Source: Pitman, "Significance tests which may be applied to samples from any populations" (1937).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from persona.estimates import Estimate
from rlaif.agreement_statistics import (
    Floats,
    RatingPairs,
    interval,
    kappas,
    offsets,
    pairs_of,
    redraw,
    spearmans,
)
from rlaif.metrics import METRICS

WINDOW, STEP = 40, 10
FEWEST = 10
LEVEL = 0.05 / (2 * len(METRICS))
_ORDERS = 1999
_DRAWS = 300
_NEWEST_WINDOWS = 60
_SIDE = 20

Fall = Literal["few", "flat", "steady", "fallen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedPairs:
    """Pairs of ratings of one reply, and when the newest of them was given."""

    at: datetime
    pairs: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowFigure:
    """Agreement over a window of replies; `since` and `until` are its oldest and newest review.

    A figure is None where the window's ratings are all alike.
    """

    since: datetime
    until: datetime
    replies: int
    kappa: Estimate | None
    spearman: Estimate | None
    offset: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Whether agreement fell. `p_value`: one-sided, of the permutation test; None when not tested.

    `verdict`: few (fewer than 40 replies), flat (ratings that do not differ), steady or fallen.
    """

    verdict: Fall
    before: Estimate | None = None
    newest: Estimate | None = None
    p_value: float | None = None


def windows(rated: Sequence[TimedPairs], *, seed: int = 0) -> tuple[WindowFigure, ...]:
    """Agreement over every `WINDOW` replies, each window `STEP` newer, oldest first.

    `rated` oldest first. The last window ends with the newest reply. With fewer replies than a
    window holds it is one window; none below `FEWEST`.
    """
    if len(rated) < FEWEST:
        return ()
    size = min(WINDOW, len(rated))
    ends = sorted(range(len(rated), size - 1, -STEP))[-_NEWEST_WINDOWS:]
    draws = redraw(size, _DRAWS, seed)
    return tuple(_window(rated[end - size : end], draws) for end in ends)


def drift(rated: Sequence[TimedPairs], *, level: float = LEVEL, seed: int = 0) -> Drift:
    """Test whether the newest replies (oldest first in `rated`) agree less than all before them.

    The newest are `WINDOW`, or half of all where there are fewer than twice that.
    """
    newest = min(WINDOW, len(rated) // 2)
    if newest < _SIDE:
        return Drift(verdict="few")
    pairs = pairs_of([one.pairs for one in rated])
    late = np.arange(len(rated)) >= len(rated) - newest
    seen = _fall(pairs, late[None, :])[0]
    before, now = _kappa(rated[:-newest], seed), _kappa(rated[-newest:], seed)
    if not np.isfinite(seen) or before is None or now is None:
        return Drift(verdict="flat", before=before, newest=now)
    rng = np.random.default_rng(seed)
    orders = rng.permuted(np.tile(late, (_ORDERS, 1)), axis=1)
    # An order whose kappa cannot be told counts against an alarm.
    as_far = np.nan_to_num(_fall(pairs, orders), nan=np.inf) >= seen - 1e-12
    p_value = (1 + int(as_far.sum())) / (1 + _ORDERS)
    return Drift(
        verdict="fallen" if p_value <= level else "steady",
        before=before,
        newest=now,
        p_value=p_value,
    )


def _fall(pairs: RatingPairs, late: NDArray[np.bool_]) -> Floats:
    """Kappa of the earlier replies minus that of the late ones, per row of (orders, replies)."""
    weights = pairs.taken(late.astype(np.float64))
    return kappas(pairs, 1 - weights) - kappas(pairs, weights)


def _kappa(rated: Sequence[TimedPairs], seed: int) -> Estimate | None:
    pairs = pairs_of([one.pairs for one in rated])
    draws = redraw(pairs.units, _DRAWS, seed)
    return interval(lambda taken: kappas(pairs, pairs.taken(taken)), draws)


def _window(rated: Sequence[TimedPairs], draws: Floats) -> WindowFigure:
    pairs = pairs_of([one.pairs for one in rated])
    return WindowFigure(
        since=rated[0].at,
        until=rated[-1].at,
        replies=len(rated),
        kappa=interval(lambda taken: kappas(pairs, pairs.taken(taken)), draws),
        spearman=interval(lambda taken: spearmans(pairs, pairs.taken(taken)), draws),
        offset=interval(lambda taken: offsets(pairs, pairs.taken(taken)), draws),
    )
