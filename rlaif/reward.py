"""One number per reply, and everything it is made of."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from rlaif.errors import PairingError
from rlaif.evaluator import Assessment
from rlaif.metrics import METRIC_KEYS
from rlaif.penalties import GUARDS, Guard, PenaltySettings, TextFacts
from rlaif.preference import GuardPart, MetricPart, Reward
from store.night_records import RewardRecord


def _all_alike() -> Mapping[str, float]:
    return dict.fromkeys(METRIC_KEYS, 1.0)


def _default_points() -> Mapping[Guard, float]:
    return {
        "dullness": 3.0,
        "length": 2.0,
        "register": 2.0,
        "repetition": 3.0,
        "contradiction": 4.0,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardSettings:
    """What is rewarded.

    `weights`: metric -> weight >= 0, at least one above 0; {"topic": 1} makes one metric the
    reward. They count relative to their sum. `points`: guard -> what its full severity costs,
    0..10 points; a guard left out costs nothing.
    """

    weights: Mapping[str, float] = field(default_factory=_all_alike)
    points: Mapping[Guard, float] = field(default_factory=_default_points)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.weights) - set(METRIC_KEYS))
        if unknown:
            raise PairingError(
                f"reward weights name {unknown[0]!r}; expected one of {', '.join(METRIC_KEYS)}"
            )
        if any(weight < 0 for weight in self.weights.values()) or not any(self.weights.values()):
            raise PairingError(
                f"reward weights are {dict(self.weights)}; expected numbers >= 0, one above 0"
            )
        for guard, points in self.points.items():
            if guard not in GUARDS or not 0 <= points <= 10:
                raise PairingError(
                    f"penalty {guard!r} is {points} points; "
                    f"expected 0 to 10 for one of {', '.join(GUARDS)}"
                )


def penalties_of(text_facts: TextFacts, settings: RewardSettings) -> dict[str, float]:
    """What each guard takes off, in points."""
    return {guard: points * text_facts.severity(guard) for guard, points in settings.points.items()}


def reward_of(
    assessment: Assessment,
    text_facts: TextFacts,
    settings: RewardSettings,
    trust: Mapping[str, float],
) -> Reward:
    """Return the reward: sum of weight x trust x value over the sum of weights, minus the guards.

    `trust`: metric -> 0..1 (`rlaif/trust.py`); a metric left out is trusted fully. The sum of
    weights does not shrink with trust: the less the evaluator is trusted, the smaller the margins
    it can make, and the more the guards, which need no trust, decide.
    """
    total_weight = sum(settings.weights.values())
    metrics = {
        key: MetricPart(
            value=assessment.values[key], weight=weight / total_weight, trust=trust.get(key, 1.0)
        )
        for key, weight in settings.weights.items()
        if weight
    }
    guards: dict[str, GuardPart] = {
        guard: GuardPart(
            severity=text_facts.severity(guard),
            points=points * text_facts.severity(guard),
            note=text_facts.note(guard),
        )
        for guard, points in settings.points.items()
    }
    total = sum(one.part for one in metrics.values()) - sum(one.points for one in guards.values())
    return Reward(total=total, metrics=metrics, guards=guards)


def settings_digest(settings: RewardSettings, penalties: PenaltySettings) -> str:
    """Names the settings that a reward follows from; others have another name."""
    content = json.dumps([asdict(settings), asdict(penalties)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def reward_record(reward: Reward, settings: str) -> RewardRecord:
    """Every part of a reward, for the store; `settings` from `settings_digest`."""
    return RewardRecord(
        total=reward.total,
        settings=settings,
        metrics={
            key: {
                "value": one.value,
                "weight": one.weight,
                "trust": one.trust,
                "part": one.part,
            }
            for key, one in reward.metrics.items()
        },
        guards={
            key: {"severity": one.severity, "points": one.points, "note": one.note}
            for key, one in reward.guards.items()
        },
    )


def stored_reward(record: RewardRecord) -> Reward:
    """The reward that a record was made of."""
    return Reward(
        total=record.total,
        metrics={
            key: MetricPart(value=one["value"], weight=one["weight"], trust=one["trust"])
            for key, one in record.metrics.items()
        },
        guards={
            key: GuardPart(
                severity=float(one["severity"]), points=float(one["points"]), note=str(one["note"])
            )
            for key, one in record.guards.items()
        },
    )
