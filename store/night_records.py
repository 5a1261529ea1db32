"""What the store hands to the night and takes from it: frozen values, detached from any session."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from store.asked import AskedRecord

NightStatus = Literal["running", "published", "refused", "skipped", "failed", "stopped", "waiting"]
NightEnd = Literal["published", "refused", "skipped", "failed", "stopped", "waiting"]
PairStatus = Literal["proposed", "approved", "flipped", "vetoed"]
ReviewKind = Literal[
    "metric",
    "verdict",
    "pair",
    "edit",
    "contradiction",
    "note",
    "skip",
    "exclude",
    "retract",
    "restore",
]
FaultKind = Literal["fact", "style"]
"""What a correction mends: what she says, or how she says it."""
ComparisonVerdict = Literal["chosen", "rejected", "tie", "none"]
"""Which reply of a pair a judge preferred; `none`: its answers could not be read."""
QuickSignal = Literal["operator_good", "operator_bad"]
ReplySignal = Literal["thumb_up", "thumb_down", "regenerated_away", "kept", "edited", QuickSignal]
Resolution = Literal["visitor", "evaluator"]
"""Whose word counts in a conflict: the visitor's signal, or the evaluator's score."""
Line = tuple[Literal["user", "assistant"], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NightClaim:
    """The right to write a night's rows, as long as nobody raised the token."""

    date: str
    owner: str
    token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NightStep:
    """A step; `finished_at` None means that it has to be done (again). `total` None: not known."""

    step: str
    position: int
    started_at: datetime
    finished_at: datetime | None
    done: int
    total: int | None
    detail: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """The ledger's row of a date with its steps in order.

    `held_at`: since when an operator wants the clock to leave it alone.
    """

    date: str
    status: NightStatus
    lease_owner: str | None
    lease_until: datetime | None
    fencing_token: int
    started_at: datetime
    finished_at: datetime | None
    settings: Mapping[str, object]
    decision: str | None
    adapter: str | None
    steps: tuple[NightStep, ...]
    held_at: datetime | None = None

    def began(self, step: str) -> datetime | None:
        """When a step began for the first time, None when it has not."""
        return next((one.started_at for one in self.steps if one.step == step), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCandidate:
    """A reply that the night made; `number` counts from 0 within its turn."""

    turn_id: str
    number: int
    text: str
    adapter: str | None
    seed: int
    sampling: Mapping[str, float]
    flagged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A stored candidate."""

    id: str
    night_date: str
    turn_id: str
    number: int
    text: str
    adapter: str | None
    seed: int
    sampling: Mapping[str, float]
    flagged: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A complete verdict: 12 values of 0..10. The subject is a reply or a candidate, not both.

    `reasons`: its own words, one per sample it drew. `asked`: of a judge, how it was asked.
    """

    subject_id: str
    reply_id: str | None
    candidate_id: str | None
    evaluator: str
    values: Mapping[str, float]
    spread: Mapping[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    asked: AskedRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreFailure:
    """That an evaluator could not score a subject, and why."""

    evaluator: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustRecord:
    """How far a metric counted in a night (0..1) and why; kappa None: too few reviews to say."""

    metric: str
    weight: float
    kappa: float | None
    low: float | None
    high: float | None
    reviews: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardRecord:
    """A reward in points with every part, as a night used it.

    metrics: metric -> value (0..10), weight (its share), trust (0..1), part (the product).
    guards: guard -> severity (0..1), points (what that cost), note. settings: a digest of the
    settings it followed from, which are in the night's row.
    """

    total: float
    settings: str
    metrics: Mapping[str, Mapping[str, float]]
    guards: Mapping[str, Mapping[str, float | str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVerdict:
    """A verdict and what it was worth in a night; both None where no night used it."""

    evaluator: str
    at: datetime
    values: Mapping[str, float]
    spread: Mapping[str, float]
    reasons: tuple[str, ...]
    night_date: str | None
    reward: RewardRecord | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardPair:
    """A pair with the rewards of both options in its night."""

    pair_id: str
    chosen_id: str
    rejected_id: str
    source: str
    chosen: RewardRecord
    rejected: RewardRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPair:
    """A preference to propose; `turns` end with what the visitor said, personal data masked."""

    turn_id: str
    visitor_id: str
    turns: tuple[Line, ...]
    facts: tuple[str, ...]
    chosen_id: str
    chosen: str
    rejected_id: str
    rejected: str
    source: str
    margin: float | None
    disagreement: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPair:
    """A preference with what operators made of it."""

    id: str
    night_date: str
    turn_id: str
    visitor_id: str
    turns: tuple[Line, ...]
    facts: tuple[str, ...]
    chosen_id: str
    chosen: str
    rejected_id: str
    rejected: str
    source: str
    margin: float | None
    disagreement: float
    status: PairStatus
    decided_by: str | None
    decided_at: datetime | None
    created_at: datetime

    def swapped(self) -> "StoredPair":
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
class StoredComparison:
    """A judge's verdict on a proposed pair, in both orders."""

    evaluator: str
    turn_id: str
    chosen_id: str
    rejected_id: str
    verdict: ComparisonVerdict
    asked: AskedRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDrop:
    """Why a turn, or one of its pairs, gave nothing. `detail` holds no visitor text."""

    turn_id: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConflict:
    """A visitor's signal against a reply that the evaluator liked; quantile in 0..1."""

    turn_id: str
    reply_id: str
    signal: str
    reward_quantile: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredConflict:
    """A conflict; the pairs of its reply are withheld while `resolved_at` is None."""

    id: str
    night_date: str
    turn_id: str
    reply_id: str
    signal: str
    reward_quantile: float
    created_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    resolution: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReview:
    """What an operator thinks: kind `metric` has metric and value (0..10), `verdict` the text "good"
    or "bad", `edit` a better text, `contradiction` the words that are wrong, `skip` its reason as
    note; `exclude` keeps the turn from being learnt from, `retract` and `restore` are about the
    review `target_id`.

    `bulk_id`: the bulk action it belongs to. `before`: what it changed. `route`: of an edit.
    `blind`: the evaluator's scores were not shown before.
    """

    operator: str
    kind: ReviewKind
    reply_id: str | None = None
    pair_id: str | None = None
    metric: str | None = None
    value: float | None = None
    text: str | None = None
    note: str | None = None
    target_id: int | None = None
    bulk_id: str | None = None
    before: str | None = None
    route: FaultKind | None = None
    blind: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A stored review; `stands` unless it was taken back and not restored since."""

    id: int
    operator: str
    kind: ReviewKind
    reply_id: str | None
    pair_id: str | None
    metric: str | None
    value: float | None
    text: str | None
    note: str | None
    at: datetime
    target_id: int | None
    bulk_id: str | None
    before: str | None
    route: FaultKind | None
    blind: bool
    stands: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRecord:
    """One check of one night with its number, interval and verdict."""

    gate: str
    passed: bool
    value: float | None
    low: float | None
    high: float | None
    bound: float | None
    detail: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """That a message was in the training of an adapter; `deployed`: it was in production once."""

    date: str
    adapter: str
    deployed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnableReply:
    """A finished variant of a turn with the verdicts of its visitor and of operators.

    `edit` is the text that an operator put in its place, `edit_id` names it as an option.
    `settled`: signals that an operator weighed against the evaluator's score, and how.
    `wrong_of_fact`: an operator corrected what it says of her; nothing is learnt from its words.
    """

    id: str
    text: str
    facts: tuple[str, ...]
    adapter: str | None
    shown: bool
    signals: frozenset[ReplySignal]
    edit_id: str | None = None
    edit: str | None = None
    settled: Mapping[ReplySignal, Resolution] = field(default_factory=dict)
    wrong_of_fact: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnableTurn:
    """A turn the night may read, with its finished variants in order, one of them shown.

    `turns` is the visible talk before it, oldest first, as far back as it may be learnt from.
    `evidence_at`: when a person last said something of its replies: an edit, a verdict, a thumb,
    another variant, a conflict resolved; None when nobody did.
    """

    visitor_id: str
    conversation_id: str
    turn_id: str
    created_at: datetime
    turns: tuple[Line, ...]
    user_text: str
    replies: tuple[LearnableReply, ...]
    evidence_at: datetime | None = None

    @property
    def shown(self) -> LearnableReply:
        """The variant on screen."""
        return next(reply for reply in self.replies if reply.shown)
