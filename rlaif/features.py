"""Numbers of a reply in its context, from which heads estimate impressions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from persona.card import Card
from persona.embedding import Embedder
from persona.engine import Message
from rlaif.base_pass import BasePass, ReplyReading
from rlaif.evaluator import Dialogue
from rlaif.text_features import Figures, text_figures

FEATURE_VERSION = 2
"""Counts up with every change of what a column means; heads of another version are refused."""

Floats = NDArray[np.float32]

_EMBEDDED_CHARACTERS = 80
_KEPT_VECTORS = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """One row per reply. states: [rows, width] of the base model; figures: [rows, names]."""

    states: Floats
    figures: Floats
    names: tuple[str, ...]


class FeatureExtractor:
    """Turns dialogues into `Features` with a frozen base model and an embedder."""

    def __init__(self, base: BasePass, embedder: Embedder) -> None:
        self._base = base
        self._embedder = embedder
        self._vectors: dict[str, Floats] = {}

    @property
    def identity(self) -> str:
        """Which model, settings and embedder the numbers come from."""
        return f"{self._base.identity} {self._embedder.name}"

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of `Features.figures`."""
        return FIGURE_NAMES

    def extract(
        self,
        dialogues: Sequence[Dialogue],
        cards: Sequence[Card | None],
        report: Callable[[int], None] | None = None,
    ) -> Features:
        """Return a row per dialogue; `cards` are whose register each reply should have."""
        readings = self._base.read(dialogues, report)
        similar = self._similarities(dialogues)
        rows = [
            {**reading_figures(reading), **near, **text_figures(dialogue, card)}
            for dialogue, card, reading, near in zip(
                dialogues, cards, readings, similar, strict=True
            )
        ]
        names = FIGURE_NAMES
        return Features(
            states=np.stack([reading.states.numpy() for reading in readings]),
            figures=np.array([[row[name] for name in names] for row in rows], dtype=np.float32),
            names=names,
        )

    def _similarities(self, dialogues: Sequence[Dialogue]) -> list[Figures]:
        """Cosines between the reply and what stands around it."""
        texts = list(
            dict.fromkeys(
                text
                for dialogue in dialogues
                for text in (
                    dialogue.reply,
                    dialogue.turns[-1].content,
                    _said_last(dialogue),
                    *dialogue.facts,
                )
                if text
            )
        )
        new = [text for text in texts if text not in self._vectors]
        if len(self._vectors) > _KEPT_VECTORS:
            self._vectors.clear()
            new = texts
        if new:
            # What a text is about shows in its beginning; a long one costs in proportion.
            made = self._embedder.embed_passages([text[:_EMBEDDED_CHARACTERS] for text in new])
            self._vectors.update(zip(new, made, strict=True))
        return [_similarity_figures(dialogue, self._vectors) for dialogue in dialogues]


def reading_figures(reading: ReplyReading) -> Figures:
    """Log-probabilities per token, how the context changes them, and where they are worst."""
    return {name: float(value) for name, value in reading_tensors(reading).items()}


def reading_tensors(reading: ReplyReading) -> dict[str, torch.Tensor]:
    """The figures of `reading_figures` as scalars that remember what they were computed from."""
    known, alone = reading.known, reading.alone
    gain, aid = known - alone, known - reading.unaided
    body = slice(0, max(len(known) - 1, 1))
    half = max(len(known) // 2, 1)
    return {
        "log_p": known.mean(),
        "log_p_alone": alone.mean(),
        "gain": gain.mean(),
        "gain_sum": gain[body].sum() / 20,
        "gain_best": gain.max(),
        "gain_worst": gain.min(),
        "gain_spread": gain.std(unbiased=False),
        "gain_of_likely_half": gain[body].sort().values[-half:].mean(),
        "log_p_worst": known.min(),
        "log_p_spread": known.std(unbiased=False),
        "log_p_first": known[0],
        "log_p_end": known[-1],
        "log_p_late": known[half:].mean() if len(known) > half else known.mean(),
        "unlikely_share": (known < -8).float().mean(),
        "unlikely_alone_share": (alone < -8).float().mean(),
        "log_tokens": torch.tensor(float(len(known))).log(),
        "aid": aid.mean(),
        "aid_sum": aid.sum() / 10,
        "aid_best": aid.max(),
        "aid_worst": aid.min(),
    }


def _said_last(dialogue: Dialogue) -> str:
    return next((t.content for t in reversed(dialogue.turns) if t.role == "assistant"), "")


def _similarity_figures(dialogue: Dialogue, vectors: dict[str, Floats]) -> Figures:
    reply = vectors[dialogue.reply]
    user = vectors[dialogue.turns[-1].content]
    said = _said_last(dialogue)
    to_facts = [float(reply @ vectors[fact]) for fact in dialogue.facts if fact]
    asked = [float(user @ vectors[fact]) for fact in dialogue.facts if fact]
    nearest = int(np.argmax(asked)) if asked else 0
    return {
        "near_user": float(reply @ user),
        "near_said": float(reply @ vectors[said]) if said else 0.85,
        "near_facts": max(to_facts, default=0.85),
        "near_asked_fact": to_facts[nearest] if to_facts else 0.85,
        "fact_near_user": max(asked, default=0.85),
    }


def _figure_names() -> tuple[str, ...]:
    """Names in the order of the columns, read off an empty example."""
    nothing = torch.zeros(1)
    reading = ReplyReading(states=nothing, known=nothing, alone=nothing, unaided=nothing)
    dialogue = Dialogue(turns=(Message(role="user", content="-"),), reply="-")
    vectors = {"-": np.zeros(1, dtype=np.float32)}
    return (
        *reading_figures(reading),
        *_similarity_figures(dialogue, vectors),
        *text_figures(dialogue, None),
    )


FIGURE_NAMES: tuple[str, ...] = _figure_names()
