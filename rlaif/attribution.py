"""Which words of a reply an evaluator's value comes from: the contract of attributions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import torch

from rlaif.evaluator import Dialogue
from rlaif.text_spans import TextSpan

Method = Literal["gradients", "integrated", "shap"]
METHODS: tuple[Method, ...] = ("gradients", "integrated", "shap")
GRADIENT_METHODS: tuple[Method, ...] = ("gradients", "integrated")

Report = Callable[[int, int | None], None]
"""Told how many evaluations are done, and of how many when that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionSettings:
    """with_context: facts and turns are attributed to, too, and not only the reply.

    most_steps: gradients that one integral may take; it is refined until its parts add up within
    `tolerance` of the change they explain, or within `tolerance_points`. evaluations: at most so many
    values are asked for one SHAP attribution. seed: of its orders.
    """

    with_context: bool = False
    most_steps: int = 256
    tolerance: float = 0.05
    tolerance_points: float = 0.02
    evaluations: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("most_steps", 16), ("evaluations", 4)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; expected {least} or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Completeness:
    """How far parts add up to what they explain. error: |sum - (value - baseline)| in points.
    share: of |value - baseline|, None where that is 0. holds: within the tolerance asked for."""

    error: float
    share: float | None
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """What each piece of a dialogue adds to a metric.

    value: the metric's points for the dialogue as it is; baseline: with the attributed pieces made
    neutral (`integrated`) or taken away (`shap`), None for `gradients`, which explain no
    difference. scores: one per piece; points, and for `gradients` points per unit of the embedding's
    length along the token's own direction. errors: standard errors of the scores, empty where
    nothing is drawn. completeness: None for `gradients`, which promise none. evaluations: how many
    values were computed.
    """

    evaluator: str
    metric: str
    method: Method
    pieces: tuple[TextSpan, ...]
    scores: tuple[float, ...]
    errors: tuple[float, ...]
    value: float
    baseline: float | None
    completeness: Completeness | None
    evaluations: int


class OpenDialogue(Protocol):
    """An evaluator's values of one dialogue as a function of the embeddings of its tokens."""

    @property
    def embeddings(self) -> torch.Tensor:
        """[tokens, width] fp32 of what may move, as they are."""

    @property
    def neutral(self) -> torch.Tensor:
        """[width] the embedding that stands for nothing said."""

    @property
    def spans(self) -> tuple[TextSpan | None, ...]:
        """Whose characters each token is; None for what frames the texts."""

    @property
    def pieces(self) -> tuple[TextSpan, ...]:
        """Pieces that cover the texts whose tokens may move."""

    def values(self, embeddings: torch.Tensor) -> torch.Tensor:
        """[rows, 12] points, in the order of METRIC_KEYS, of [rows, tokens, width]."""


class Differentiable(Protocol):
    """An evaluator whose values can be differentiated by what it reads."""

    @property
    def id(self) -> str:
        """As stored with scores."""

    def open(self, dialogue: Dialogue, *, with_context: bool) -> OpenDialogue:
        """The reply's tokens may move, and those of facts and turns if they are wanted.

        Raises EvaluatorError for a dialogue that cannot be scored.
        """


def completeness_of(
    total: float, difference: float, tolerance: float, tolerance_points: float
) -> Completeness:
    """How far parts with the sum `total` explain a `difference` of values, in points."""
    error = abs(total - difference)
    return Completeness(
        error=error,
        share=error / abs(difference) if difference else None,
        holds=error <= max(tolerance * abs(difference), tolerance_points),
    )
