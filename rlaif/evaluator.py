"""The contract of everything that scores a reply on the twelve impressions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from persona.engine import Message
from rlaif.metrics import METRIC_KEYS, SCALE

EvaluatorKind = Literal["embedded", "information", "fed", "judge", "sft", "zero-shot"]
Preferred = Literal["a", "b", "tie"]
Pick = Literal["first", "second", "tie"]
"""What a judge chose of two replies as they stood before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """What an evaluator sees: the turns spoken so far, the facts that were beside the last one,
    and the reply to be judged.

    `turns` ends with the visitor's turn and holds no system turn. `facts` may be empty.
    """

    turns: tuple[Message, ...]
    reply: str
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedPrompt:
    """Everything that a judge is told and that no conversation changes, as JSON, and its sha256."""

    sha256: str
    document: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedDraw:
    """One answer that counted: which question of the prompt, and how it was drawn."""

    question: int
    temperature: float
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What it takes, beside the conversation, to ask for a verdict once more.

    `nonce` marks the fence; `digest` is the sha256 of all messages of the questions, in order.
    `reading`: where the figures came from, the answer's text or the probabilities of its tokens.
    """

    prompt: AskedPrompt
    nonce: str
    draws: tuple[AskedDraw, ...]
    digest: str
    reading: Literal["text", "probabilities"] = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """A complete verdict: one value in 0..10 per metric, and its spread.

    `spread` is the standard deviation over the evaluator's own ensemble, samples or token
    probabilities, in points; empty when the evaluator has none. `reasons` are its own words, one
    text per sample. `asked`: of a judge, how to ask for the same verdict again.
    """

    values: Mapping[str, float]
    spread: Mapping[str, float]
    reasons: tuple[str, ...] = ()
    asked: Asked | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        low, high = SCALE
        if set(self.values) != set(METRIC_KEYS):
            missing = sorted(set(METRIC_KEYS) ^ set(self.values))
            raise ValueError(f"metrics {missing} are missing or unknown; expected all twelve")
        for key, value in self.values.items():
            if not low <= value <= high:
                raise ValueError(f"{key} is {value}; expected a number from {low:g} to {high:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscored:
    """The evaluator failed on this reply: a reason instead of numbers, never 0."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two replies judged in both orders. `flipped`: the orders disagreed, so `preferred` is a tie.

    `reasons` are the judge's own words, first order first. `picks`: what it chose in each order,
    by place; None where that is not known.
    """

    preferred: Preferred
    flipped: bool
    reasons: tuple[str, str]
    picks: tuple[Pick, Pick] | None = None
    asked: Asked | None = field(default=None, compare=False, repr=False)


class PairJudge(Protocol):
    """Tells the better of two replies; not every evaluator can."""

    @property
    def id(self) -> str:
        """Stored with every comparison."""

    def compare(self, context: Dialogue, reply_a: str, reply_b: str) -> Comparison | Unscored:
        """Judge two replies to `context`, whose own reply is not looked at, in both orders.

        Raises EvaluatorError when the judge cannot be asked.
        """


class Evaluator(Protocol):
    """Scores replies. `id` names kind and version: a changed rubric or head is another id."""

    @property
    def id(self) -> str:
        """Stored with every score."""

    @property
    def kind(self) -> EvaluatorKind:
        """Two evaluators of one kind may not check each other."""

    def assess(
        self, dialogues: Sequence[Dialogue], report: Callable[[int], None] | None = None
    ) -> list[Assessment | Unscored]:
        """Return one verdict per dialogue, in order; `report` is told how many are done.

        Raises EvaluatorError only when nothing can be scored at all.
        """


def assess_each(
    assess: Callable[[Dialogue], Assessment | Unscored],
    dialogues: Sequence[Dialogue],
    report: Callable[[int], None] | None,
) -> list[Assessment | Unscored]:
    """`Evaluator.assess` of an evaluator that takes one dialogue after the other."""
    verdicts: list[Assessment | Unscored] = []
    for done, dialogue in enumerate(dialogues, start=1):
        verdicts.append(assess(dialogue))
        if report is not None:
            report(done)
    return verdicts
