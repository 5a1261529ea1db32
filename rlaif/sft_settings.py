"""How a regressor is trained, and the numbers by which its impressions are measured."""

from dataclasses import dataclass
from typing import Literal

Target = Literal["raw", "within"]
Pooled = Literal["rated", "rater", "reply"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressorSettings:
    """Saved beside every regressor.

    max_tokens: what is read of a dialogue; it loses its beginning. layers_read: how many layers of
    the base are run, None for half of them: the upper ones are about the next token, and what the
    middle says ranked people's ratings best. layers_trained: at most so many of these, the topmost,
    carry LoRA, 0 for none; all below are frozen, and what they make of a text is kept for up to
    kept_tokens tokens.

    pooled: whose tokens are averaged, each mean a part of the head's input: all that the rated one
    said, what the rater said, the last reply by itself. For whole dialogues the rated one's alone
    did best; a fault of one reply needs the reply.

    target: `raw`, the ratings as given; `within`, each as a deviation from its rater's own mean.
    fault_share: what replies spoilt on purpose weigh in each rated impression, relative to its
    ratings. members: heads, each on dialogues drawn with replacement.

    batch_dialogues make one optimiser step; steps_between evaluations, patience of them without a
    better one stop the run. ridges: penalties per feature among which validation chooses the head
    that training begins with.
    """

    max_tokens: int = 512
    layers_read: int | None = None
    layers_trained: int = 2
    rank: int = 8
    alpha: int = 16
    dropout: float = 0.05
    pooled: tuple[Pooled, ...] = ("rated", "rater", "reply")
    target: Target = "within"
    fault_share: float = 0.3
    members: int = 4
    ridges: tuple[float, ...] = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
    learning_rate: float = 3e-4
    head_learning_rate: float = 3e-5
    warmup_steps: int = 8
    batch_dialogues: int = 16
    epochs: int = 2
    steps_between: int = 12
    patience: int = 5
    kept_tokens: int = 1_000_000
    seed: int = 31

    def __post_init__(self) -> None:
        if self.layers_read is not None and self.layers_trained > self.layers_read:
            raise ValueError(
                f"layers_trained is {self.layers_trained}; "
                f"expected at most layers_read, {self.layers_read}"
            )
        if not self.pooled:
            raise ValueError("pooled is empty; expected some of rated, rater, reply")
        if min(self.members, self.batch_dialogues, self.epochs, self.steps_between) < 1:
            raise ValueError(
                "members, batch_dialogues, epochs and steps_between are "
                f"{self.members}, {self.batch_dialogues}, {self.epochs}, {self.steps_between}; "
                "expected 1 or more each"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingBounds:
    """When training ends though it has not run out: optimiser steps and minutes of work, those
    before an interruption counted. What was best until then is kept."""

    steps: int | None = None
    minutes: float | None = None
