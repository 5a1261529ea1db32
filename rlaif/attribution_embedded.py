"""The embedded evaluator as a differentiable function of the embeddings that its base model reads.

Hidden states and log-probabilities follow the embeddings; the embedder's cosines, the figures of the
text and the shares of unlikely tokens are held at what they are for the reply. What is attributed is therefore the value as a
function of the embeddings with those held: a word that counts by its length or its ending alone
gets less than its due, and SHAP, which takes words away from the text itself, tells the rest.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from persona.base_model import LoadedModel
from persona.card import Card
from persona.embedding import Embedder
from rlaif.attribution import OpenDialogue
from rlaif.base_pass import BasePass, OpenReading, PassSettings, ReplyReading
from rlaif.embedded_heads import (
    SHIPPED_HEADS,
    HeadWeights,
    estimate_inputs,
    evaluator_id,
    load_heads,
    standardise,
)
from rlaif.errors import EvaluatorError
from rlaif.evaluator import Dialogue
from rlaif.features import FIGURE_NAMES, FeatureExtractor, reading_tensors
from rlaif.text_spans import TextSpan, piece_spans

_STEPPED = ("unlikely_share", "unlikely_alone_share")
"""Shares of tokens below a bound: they jump, no gradient sees them, so they are held as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEmbedded:
    """One dialogue, opened. held: [figures] as they are for the reply."""

    reading: OpenReading
    neutral: torch.Tensor
    pieces: tuple[TextSpan, ...]
    weights: HeadWeights
    held: torch.Tensor

    @property
    def embeddings(self) -> torch.Tensor:
        """[tokens, width]."""
        return self.reading.embeddings

    @property
    def spans(self) -> tuple[TextSpan | None, ...]:
        """Whose characters each token is."""
        return self.reading.spans

    def values(self, embeddings: torch.Tensor) -> torch.Tensor:
        """[rows, 12] points of [rows, tokens, width]."""
        readings = self.reading.read(embeddings)
        inputs = standardise(
            torch.stack([reading.states for reading in readings]),
            torch.stack([self._figures(reading) for reading in readings]),
            (self.weights.state_mean, self.weights.state_basis),
            (self.weights.figure_mean, self.weights.figure_scale),
        )
        return estimate_inputs(self.weights, inputs)[0]

    def _figures(self, reading: ReplyReading) -> torch.Tensor:
        told = reading_tensors(reading)
        for name in _STEPPED:
            del told[name]
        return torch.stack([told.get(name, self.held[n]) for n, name in enumerate(FIGURE_NAMES)])


class DifferentiableEmbedded:
    """`EmbeddedEvaluator` in fp32, open to gradients. Its values are that evaluator's but for the
    rounding of the base model's own number format."""

    def __init__(
        self, base: BasePass, embedder: Embedder, weights: HeadWeights, card: Card, name: str
    ) -> None:
        self.id = name
        self._base = base
        self._extractor = FeatureExtractor(base, embedder)
        self._weights = weights
        self._card = card

    def open(self, dialogue: Dialogue, *, with_context: bool) -> OpenDialogue:
        """Raises EvaluatorError for a dialogue that cannot be scored."""
        require_reply(dialogue)
        held = self._extractor.extract([dialogue], [self._card]).figures[0]
        return OpenEmbedded(
            reading=self._base.open(dialogue, with_context=with_context),
            neutral=self._base.embedding_of(self._base.neutral_token),
            pieces=piece_spans(self._base.tokenizer, dialogue, with_context=with_context),
            weights=self._weights,
            held=torch.from_numpy(held),
        )


def require_reply(dialogue: Dialogue) -> None:
    """Pass when there is a reply to a turn. Raises EvaluatorError."""
    if not dialogue.reply.strip() or not dialogue.turns or dialogue.turns[-1].role != "user":
        raise EvaluatorError(
            "there is nothing to attribute to: expected turns that end with the user's and a "
            "reply with text; choose another one"
        )


def open_to_gradients(loaded: LoadedModel) -> LoadedModel:
    """The model in fp32 with weights that take no gradient; `loaded` is changed and returned."""
    model = loaded.model.float().requires_grad_(False)
    return replace(loaded, model=model, dtype=torch.float32)


def load_differentiable_embedded(
    loaded: LoadedModel, embedder: Embedder, card: Card, heads: Path = SHIPPED_HEADS
) -> DifferentiableEmbedded:
    """Heads of a folder over a base model, which is turned to fp32 and must serve nothing else.

    Raises EvaluatorError when the heads are missing, altered or made for another base model.
    """
    weights, manifest = load_heads(heads, loaded.sha256)
    base = BasePass(open_to_gradients(loaded), PassSettings())
    return DifferentiableEmbedded(base, embedder, weights, card, evaluator_id(manifest))
