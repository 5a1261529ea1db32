"""What pairing works on: the options of a turn, the evidence of its visitor, and what comes out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from persona.engine import Message
from rlaif.evaluator import Assessment
from store.night_records import ReplySignal

OptionKind = Literal["reply", "candidate", "edit"]
Signal = Literal[ReplySignal, "operator"]
PairSource = Literal["score", "edit", "regenerated", "thumb", "verdict", "operator", "seed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricPart:
    """What a metric adds. `value` 0..10, `weight` its share of all weights, `trust` 0..1."""

    value: float
    weight: float
    trust: float

    @property
    def part(self) -> float:
        """The product, in points."""
        return self.weight * self.trust * self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardPart:
    """What a guard takes away: `severity` 0..1, `points` >= 0 that it cost, and why."""

    severity: float
    points: float
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """A reward in points and everything it is made of: what the metrics add less the guards.

    `total` is a field of its own, so that what is stored and what is used cannot differ by rounding.
    """

    total: float
    metrics: Mapping[str, MetricPart]
    guards: Mapping[str, GuardPart]

    @property
    def parts(self) -> dict[str, float]:
        """Points by metric."""
        return {key: one.part for key, one in self.metrics.items()}

    @property
    def penalties(self) -> dict[str, float]:
        """Points by guard."""
        return {key: one.points for key, one in self.guards.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One reply that could be chosen or rejected. `assessment` None: nobody could score it.

    `penalties`: what the guards find in it, scored or not, in points. `confirmed`: signals against
    it that an operator found right whatever its score.
    """

    id: str
    kind: OptionKind
    text: str
    assessment: Assessment | None
    reward: Reward | None
    signals: frozenset[Signal] = frozenset()
    flagged: bool = False
    penalties: Mapping[str, float] = field(default_factory=dict)
    confirmed: frozenset[Signal] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptGroup:
    """A turn with all its options. `turns` end with the visitor's turn; `facts` stood beside it.

    `evidence_only`: an earlier night has read it, so only what people say of it may pair it now.
    `paired`: (chosen, rejected) ids that earlier nights paired.
    """

    turn_id: str
    visitor_id: str
    turns: tuple[Message, ...]
    facts: tuple[str, ...]
    options: tuple[Option, ...]
    flagged: bool = False
    evidence_only: bool = False
    paired: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """Chosen over rejected in one context. `margin` in points of reward; None without scores.

    `disagreement` 0..1 orders the operators' inbox: how unsure the evaluator was.
    """

    turn_id: str
    visitor_id: str
    turns: tuple[Message, ...]
    facts: tuple[str, ...]
    chosen_id: str
    chosen: str
    rejected_id: str
    rejected: str
    source: PairSource
    margin: float | None
    disagreement: float

    def swapped(self) -> "Preference":
        """The same pair with the verdict reversed."""
        return replace(
            self,
            chosen_id=self.rejected_id,
            chosen=self.rejected,
            rejected_id=self.chosen_id,
            rejected=self.chosen,
            margin=None if self.margin is None else -self.margin,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """Why a turn, or one of its pairs, gave nothing. `detail` holds no visitor text."""

    turn_id: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A visitor's signal against a reply that the evaluator put into its best fifth."""

    turn_id: str
    reply_id: str
    signal: Signal
    reward_quantile: float
