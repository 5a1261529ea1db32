"""What the operators' trust does to a reward, and to the pairs that follow from rewards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from store.night_records import RewardPair, RewardRecord

Fate = Literal["kept", "under_margin", "reversed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricShare:
    """How much of the reward is one metric.

    `weight`: its share (0..1) of all metrics if all are trusted. `trust`: 0..1. `counted`: weight x
    trust, what is left of it. `share`: its part (0..1) of all that counts, 0 when nothing does.
    """

    weight: float
    trust: float
    counted: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PairChange:
    """A pair of a past night under another trust; margins in points of reward."""

    pair_id: str
    chosen_id: str
    rejected_id: str
    before: float
    after: float
    fate: Fate


@dataclass(frozen=True, slots=True, kw_only=True)
class PairingChange:
    """What would become of the pairs that a night made of scores alone. Every pair is in `pairs`,
    the one that falls furthest first."""

    pairs: tuple[PairChange, ...]

    def count(self, fate: Fate) -> int:
        """How many pairs have this fate."""
        return sum(pair.fate == fate for pair in self.pairs)


def metric_shares(
    weights: Mapping[str, float], trust: Mapping[str, float]
) -> dict[str, MetricShare]:
    """Each metric's part in the reward. `weights` count relative to their sum, which is above 0;
    a metric that `trust` leaves out is trusted fully."""
    whole = sum(weights.values())
    counted = {key: weight / whole * trust.get(key, 1.0) for key, weight in weights.items()}
    left = sum(counted.values())
    return {
        key: MetricShare(
            weight=weight / whole,
            trust=trust.get(key, 1.0),
            counted=counted[key],
            share=counted[key] / left if left > 0 else 0.0,
        )
        for key, weight in weights.items()
    }


def retrusted(reward: RewardRecord, trust: Mapping[str, float]) -> float:
    """The total of a reward had its metrics been trusted so; one left out keeps its trust.

    Values, weights and guards stay as they were stored.
    """
    metrics = sum(
        part["value"] * part["weight"] * trust.get(key, part["trust"])
        for key, part in reward.metrics.items()
    )
    return metrics - sum(float(guard["points"]) for guard in reward.guards.values())


def repair(
    pairs: Sequence[RewardPair], trust: Mapping[str, float], *, margin: float
) -> PairingChange:
    """The scored pairs of a night under another trust.

    A pair that fell below 0 is reversed; below `margin` (points, > 0) it would not have been made.
    Left out are pairs that a person decided, which keep whatever the scores say, and those that had
    less than `margin` under another night's settings. Pairs that only the new trust would make are
    not known here.
    """
    changed = [_change(pair, trust, margin) for pair in pairs if pair.source == "score"]
    changed = [one for one in changed if one.before >= margin]
    changed.sort(key=lambda one: (one.after - one.before, one.pair_id))
    return PairingChange(pairs=tuple(changed))


def _change(pair: RewardPair, trust: Mapping[str, float], margin: float) -> PairChange:
    after = retrusted(pair.chosen, trust) - retrusted(pair.rejected, trust)
    fate: Fate = "reversed" if after < 0 else "under_margin" if after < margin else "kept"
    return PairChange(
        pair_id=pair.pair_id,
        chosen_id=pair.chosen_id,
        rejected_id=pair.rejected_id,
        before=pair.chosen.total - pair.rejected.total,
        after=after,
        fate=fate,
    )
