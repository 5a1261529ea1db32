"""Evaluators whose attributions are known: by what they are made of."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from persona.engine import Message
from rlaif.evaluator import Assessment, Dialogue, EvaluatorKind, Unscored
from rlaif.metrics import METRIC_KEYS
from rlaif.text_spans import TextSpan

WIDTH = 4


def dialogue(reply: str, said: str = "やあ", facts: tuple[str, ...] = ()) -> Dialogue:
    return Dialogue(turns=(Message(role="user", content=said),), reply=reply, facts=facts)


def letters(text: str) -> tuple[TextSpan, ...]:
    """One piece a letter."""
    return tuple(TextSpan(part="reply", at=0, start=n, end=n + 1) for n in range(len(text)))


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPlanted:
    """One token a letter behind a frame token; token n is n + 1 along every axis."""

    embeddings: torch.Tensor
    neutral: torch.Tensor
    spans: tuple[TextSpan | None, ...]
    pieces: tuple[TextSpan, ...]
    head: Callable[[torch.Tensor], torch.Tensor]

    def values(self, embeddings: torch.Tensor) -> torch.Tensor:
        told = self.head(embeddings)
        return torch.stack([told if key == "trust" else told * 0 for key in METRIC_KEYS], dim=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """head: [rows, tokens, width] -> [rows] points of trust."""

    head: Callable[[torch.Tensor], torch.Tensor]
    id: str = "planted"

    def open(self, dialogue: Dialogue, *, with_context: bool) -> OpenPlanted:
        spans = letters(dialogue.reply)
        rows = torch.arange(1.0, len(spans) + 2)
        return OpenPlanted(
            embeddings=rows[:, None].expand(-1, WIDTH).clone(),
            neutral=torch.zeros(WIDTH),
            spans=(None, *spans),
            pieces=spans,
            head=self.head,
        )


class LetterPoints:
    """Trust is half a point for each あ, a point for い and う together, a little for length."""

    id = "letters"
    kind: EvaluatorKind = "judge"

    def __init__(self, refuses: str = "") -> None:
        self.asked: list[Dialogue] = []
        self._refuses = refuses

    def assess(
        self, dialogues: Sequence[Dialogue], report: Callable[[int], None] | None = None
    ) -> list[Assessment | Unscored]:
        self.asked.extend(dialogues)
        return [self._one(one) for one in dialogues]

    def _one(self, one: Dialogue) -> Assessment | Unscored:
        if self._refuses and self._refuses in one.reply:
            return Unscored(reason="words it will not read")
        value = 2 + 0.5 * one.reply.count("あ") + float("い" in one.reply and "う" in one.reply)
        value += 0.01 * math.log1p(len(one.reply)) + 0.3 * one.turns[-1].content.count("あ")
        return Assessment(values=dict.fromkeys(METRIC_KEYS, value), spread={})
