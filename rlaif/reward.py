"""One number per reply, and everything it is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rlaif.errors import PairingError
from rlaif.evaluator import Assessment
from rlaif.metrics import METRIC_KEYS
from rlaif.penalties import GUARDS, Guard, TextFacts
from rlaif.preference import Reward


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
    parts = {
        key: weight / total_weight * trust.get(key, 1.0) * assessment.values[key]
        for key, weight in settings.weights.items()
        if weight
    }
    penalties = penalties_of(text_facts, settings)
    return Reward(
        total=sum(parts.values()) - sum(penalties.values()), parts=parts, penalties=penalties
    )
