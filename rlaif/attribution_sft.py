"""The `sft` evaluator as a differentiable function of the embeddings that its base model reads.

Nothing is held: what is attributed is the whole value, calibration included.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase

from persona.base_model import LoadedModel
from rlaif.attribution import OpenDialogue
from rlaif.attribution_embedded import open_to_gradients, require_reply
from rlaif.evaluator import Dialogue
from rlaif.metrics import SCALE
from rlaif.sft_calibration import SLOPE, Curve
from rlaif.sft_folder import FittedRegressor, load_regressor
from rlaif.sft_texts import Reading, read_dialogue, read_spans
from rlaif.text_spans import TextSpan, piece_spans


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSft:
    """One dialogue, opened. everything: [all tokens, width]; moving: places of those that may move,
    whose embeddings and spans the others are."""

    fitted: FittedRegressor
    reading: Reading
    everything: torch.Tensor
    moving: torch.Tensor
    neutral: torch.Tensor
    spans: tuple[TextSpan | None, ...]
    pieces: tuple[TextSpan, ...]

    @property
    def embeddings(self) -> torch.Tensor:
        """[tokens, width] of what may move."""
        return self.everything[self.moving]

    def values(self, embeddings: torch.Tensor) -> torch.Tensor:
        """[rows, 12] points of [rows, tokens, width]."""
        regressor = self.fitted.regressor
        whole = self.everything.expand(len(embeddings), -1, -1)
        read = whole.index_copy(1, self.moving, embeddings)
        figures = regressor.head(regressor.encoder.features_of(read, self.reading.seats)).mean(0)
        return _points(self.fitted.curves, figures)


class DifferentiableSft:
    """`SftEvaluator` in fp32, open to gradients."""

    def __init__(self, fitted: FittedRegressor, tokenizer: PreTrainedTokenizerBase) -> None:
        self.id = fitted.id
        self._fitted = fitted
        self._tokenizer = tokenizer

    def open(self, dialogue: Dialogue, *, with_context: bool) -> OpenDialogue:
        """Raises EvaluatorError for a dialogue that cannot be scored."""
        require_reply(dialogue)
        encoder, most = self._fitted.regressor.encoder, self._fitted.settings.max_tokens
        reading = read_dialogue(self._tokenizer, dialogue, most)
        spans = read_spans(self._tokenizer, dialogue, most)
        moving = [
            n
            for n, span in enumerate(spans)
            if span is not None and (with_context or span.part == "reply")
        ]
        neutral = (self._tokenizer.pad_token_id, self._tokenizer.eos_token_id, 0)
        return OpenSft(
            fitted=self._fitted,
            reading=reading,
            everything=encoder.embedded(reading.ids),
            moving=torch.tensor(moving, device=self._fitted.regressor.weight.device),
            neutral=encoder.embedded([next(one for one in neutral if one is not None)])[0],
            spans=tuple(spans[n] for n in moving),
            pieces=piece_spans(self._tokenizer, dialogue, with_context=with_context),
        )


def load_differentiable_sft(folder: Path, loaded: LoadedModel) -> DifferentiableSft:
    """The regressor of a folder over a base model, which is turned to fp32 and must serve nothing
    else. Raises EvaluatorError when it is missing, altered or made for another base."""
    opened = open_to_gradients(loaded)
    fitted = load_regressor(folder, opened)
    fitted.regressor.float().requires_grad_(False)
    return DifferentiableSft(fitted, opened.tokenizer)


def _points(curves: Sequence[Curve], figures: torch.Tensor) -> torch.Tensor:
    """`apply_curves` with gradients. [rows, 12]."""
    levels = [_level(curve, figures[:, n]) for n, curve in enumerate(curves)]
    return (torch.stack(levels, dim=1) + SLOPE * figures).clamp(*SCALE)


def _level(curve: Curve, figures: torch.Tensor) -> torch.Tensor:
    knots = torch.from_numpy(curve.figures).to(figures)
    points = torch.from_numpy(curve.points).to(figures)
    if len(knots) == 1:
        return points.expand(len(figures))
    inside = figures.clamp(float(knots[0]), float(knots[-1]))
    above = torch.searchsorted(knots, inside.detach()).clamp(1, len(knots) - 1)
    low, high = knots[above - 1], knots[above]
    share = (inside - low) / (high - low)
    return points[above - 1] + share * (points[above] - points[above - 1])
