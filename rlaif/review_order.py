"""In which order replies are put before an operator: what matters first, with a random control.

What is shown because it stands out says nothing about the rest. Every few replies one of a control
sample comes in between: its members follow from the digits of their ids alone, whatever anybody
thought of them, so that agreement measured on them is agreement on all replies.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from statistics import fmean, median
from typing import Literal

from rlaif.errors import NightError
from store.review_queue import Waiting

Why = Literal["conflict", "safety", "disagreement", "uncertain", "second", "control", "recent"]
_RANK: tuple[Why, ...] = (
    "conflict",
    "safety",
    "disagreement",
    "uncertain",
    "second",
    "control",
    "recent",
)


class ReviewOrderError(NightError, ValueError):
    """The settings of the queue make no sense."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """What stands out, and how much is drawn by lot.

    `control_share`, `second_share`: of all replies, and of those that one operator reviewed (0..1);
    `control_every`: one of so many places is the control's; `disagreement_points`: how far two
    evaluators differ on a metric, each against its own mean; `uncertain_times`: a spread that is so
    many times the median one, > 1.
    """

    control_share: float = 0.1
    second_share: float = 0.2
    control_every: int = 5
    disagreement_points: float = 2.0
    uncertain_times: float = 1.5

    def __post_init__(self) -> None:
        shares = {
            "control_share": self.control_share,
            "second_share": self.second_share,
        }
        for name, value in shares.items():
            if not 0 <= value <= 1:
                raise ReviewOrderError(f"{name} is {value}; expected a share from 0 to 1")
        if self.control_every < 2:
            raise ReviewOrderError(f"control_every is {self.control_every}; expected 2 or more")
        if self.uncertain_times <= 1:
            raise ReviewOrderError(
                f"uncertain_times is {self.uncertain_times}; expected more than 1"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueItem:
    """A reply in its place, with every reason why it is in the queue."""

    reply_id: str
    turn_id: str
    why: tuple[Why, ...]

    @property
    def matters(self) -> bool:
        """Whether there is a reason beyond that it is new."""
        return self.why != ("recent",)


def order_queue(
    waiting: Sequence[Waiting], settings: QueueSettings, *, done: int
) -> list[QueueItem]:
    """Return what an operator who has reviewed `done` replies today should see, in that order.

    Within a rank the largest disagreement or spread comes first, else the order given stays.
    """
    apart = _disagreements(waiting)
    spread = {one.reply_id: _mean_spread(one) for one in waiting}
    known = [value for value in spread.values() if value > 0]
    bar = settings.uncertain_times * median(known) if known else math.inf
    ranked: list[tuple[int, float, QueueItem]] = []
    for one in waiting:
        far = apart.get(one.reply_id, 0.0) >= settings.disagreement_points
        unsure = spread[one.reply_id] >= bar
        why = _why(one, settings, far=far, unsure=unsure)
        if why:
            rank = min(_RANK.index(reason) for reason in why)
            size = apart[one.reply_id] if far else spread[one.reply_id] if unsure else 0.0
            item = QueueItem(reply_id=one.reply_id, turn_id=one.turn_id, why=why)
            ranked.append((rank, -size, item))
    ranked.sort(key=lambda place: place[:2])
    return _with_control([item for _, _, item in ranked], settings.control_every, done)


def drawn(lot: str, reply_id: str, share: float) -> bool:
    """Whether a reply is in the sample `lot`: the same for everybody, today and always."""
    digest = sha256(f"{lot} {reply_id}".encode()).digest()
    return int.from_bytes(digest[:8]) < share * 2**64


def _why(one: Waiting, settings: QueueSettings, *, far: bool, unsure: bool) -> tuple[Why, ...]:
    """Return every reason for a reply; none for one that the lot spares a second review."""
    if "second" in one.found_by:
        return ("second",) if drawn("second", one.reply_id, settings.second_share) else ()
    control = "newest" in one.found_by and drawn("control", one.reply_id, settings.control_share)
    reasons: tuple[tuple[Why, bool], ...] = (
        ("conflict", "conflict" in one.found_by),
        ("safety", "safety" in one.found_by),
        ("disagreement", far),
        ("uncertain", unsure),
        ("control", control),
    )
    return tuple(reason for reason, holds in reasons if holds) or ("recent",)


def _with_control(items: Sequence[QueueItem], every: int, done: int) -> list[QueueItem]:
    """Put the control sample into one of `every` places; what is left of it goes to the end."""
    control = [item for item in items if "control" in item.why]
    others = [item for item in items if item.why != ("control",)]
    ordered: dict[str, QueueItem] = {}
    while control or others:
        place = done + len(ordered) + 1
        source = control if (place % every == 0 and control) or not others else others
        item = source.pop(0)
        ordered.setdefault(item.reply_id, item)
    return list(ordered.values())


def _disagreements(waiting: Sequence[Waiting]) -> dict[str, float]:
    """Return how far any two evaluators are apart on a metric, in points, at most.

    Each value is taken against its evaluator's mean on that metric: that one judge is milder than
    another is no disagreement about a reply.
    """
    means = _means(waiting)
    apart: dict[str, float] = {}
    for one in waiting:
        if len(one.verdicts) < 2:
            continue
        by_metric: dict[str, list[float]] = {}
        for evaluator, verdict in one.verdicts.items():
            for metric, value in verdict.values.items():
                by_metric.setdefault(metric, []).append(value - means[evaluator, metric])
        apart[one.reply_id] = max(max(values) - min(values) for values in by_metric.values())
    return apart


def _means(waiting: Sequence[Waiting]) -> dict[tuple[str, str], float]:
    sums: dict[tuple[str, str], tuple[float, int]] = {}
    for one in waiting:
        for evaluator, verdict in one.verdicts.items():
            for metric, value in verdict.values.items():
                total, count = sums.get((evaluator, metric), (0.0, 0))
                sums[evaluator, metric] = total + value, count + 1
    return {key: total / count for key, (total, count) in sums.items()}


def _mean_spread(one: Waiting) -> float:
    """Return the widest mean spread of its verdicts, in points; 0 where none says its spread."""
    spreads = (verdict.spread for verdict in one.verdicts.values() if verdict.spread)
    return max((fmean(spread.values()) for spread in spreads), default=0.0)
