"""Vanilla Gradients and Integrated Gradients per token, through captum.

Source: Simonyan et al., "Deep Inside Convolutional Networks" (arXiv 1312.6034); Sundararajan et al.,
"Axiomatic Attribution for Deep Networks" (arXiv 1703.01365). The straight way is integrated stretch
by stretch, finest where the value changes fastest: a transformer with bounded heads moves in few
places, and evenly spread steps would spend nearly all of them elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from captum.attr import IntegratedGradients, Saliency

from rlaif.attribution import (
    Attribution,
    AttributionSettings,
    Completeness,
    Differentiable,
    OpenDialogue,
    Report,
    completeness_of,
)
from rlaif.errors import EvaluatorError
from rlaif.evaluator import Dialogue
from rlaif.metrics import METRIC_KEYS
from rlaif.text_spans import TextSpan, spread_over

_FIRST_STRETCHES = 4
_STEPS = 4
"""Gradients per stretch, at the nodes of Gauss and Legendre."""
_SHORTEST = 1e-9
_MISSED = 0.1
"""Points that all stretches together may miss where the whole adds up: a hundredth of the scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Path:
    """What moves: the embeddings of the wanted tokens, between neutral and as they are.

    places: where they stand. actual, neutral: [1, wanted, width].
    """

    opened: OpenDialogue
    metric: int
    places: torch.Tensor
    actual: torch.Tensor
    neutral: torch.Tensor

    def value(self, moved: torch.Tensor) -> torch.Tensor:
        """[rows] points for [rows, wanted, width]."""
        whole = self.opened.embeddings.expand(len(moved), -1, -1)
        return self.opened.values(whole.index_copy(1, self.places, moved))[:, self.metric]

    def at(self, share: float) -> torch.Tensor:
        """[1, wanted, width] so far on the way from neutral to actual."""
        return self.neutral + share * (self.actual.detach() - self.neutral)

    @torch.no_grad()
    def value_at(self, share: float) -> float:
        """The points there."""
        return float(self.value(self.at(share))[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """A stretch of the way, from share `low` to share `high` of it. change: of the value, in points.
    parts: [wanted] what the integral gives to each token."""

    low: float
    high: float
    change: float
    parts: torch.Tensor

    @property
    def missed(self) -> float:
        """By how many points the parts fail to add up to the change."""
        return abs(float(self.parts.sum()) - self.change)


def attribute_gradients(
    evaluator: Differentiable,
    dialogue: Dialogue,
    metric: str,
    settings: AttributionSettings,
    report: Report,
) -> Attribution:
    """The derivative of the value along each token's own embedding, in points per unit of length.

    A gradient is a vector as wide as the embedding. Its part in the direction from the neutral
    embedding to the token's own says how the value changes as there is more of this token.
    Raises EvaluatorError for a dialogue that cannot be scored.
    """
    path = _path(evaluator.open(dialogue, with_context=settings.with_context), metric)
    gradient = Saliency(path.value).attribute(path.actual, abs=False)
    way = path.actual - path.neutral
    along = (gradient * way).sum(-1) / way.norm(dim=-1).clamp(min=_SHORTEST)
    report(1, 1)
    return _attribution(evaluator.id, metric, path, along[0], None, 1)


def attribute_integrated(
    evaluator: Differentiable,
    dialogue: Dialogue,
    metric: str,
    settings: AttributionSettings,
    report: Report,
) -> Attribution:
    """What each token adds on the straight way from neutral embeddings to its own, in points.

    The way is cut into stretches, and those whose parts do not add up to the change of the value
    are halved, the worst first, until the whole adds up and all together miss no more than the
    tolerance, or `most_steps` gradients were taken; how far the whole adds up is told.
    Raises EvaluatorError for a dialogue that cannot be scored.
    """
    path = _path(evaluator.open(dialogue, with_context=settings.with_context), metric)
    cuts = [n / _FIRST_STRETCHES for n in range(_FIRST_STRETCHES + 1)]
    values = {cut: path.value_at(cut) for cut in cuts}
    difference = values[1.0] - values[0.0]
    stretches = [_stretch(path, values, *ends) for ends in pairwise(cuts)]
    taken = _STEPS * len(stretches)
    while True:
        report(taken, settings.most_steps)
        scores = torch.stack([one.parts for one in stretches]).sum(0)
        complete = completeness_of(
            float(scores.sum()), difference, settings.tolerance, settings.tolerance_points
        )
        missed = sum(one.missed for one in stretches)
        # Stretches may miss in opposite ways: that the whole adds up is not enough by itself.
        settled = complete.holds and missed <= max(settings.tolerance * abs(difference), _MISSED)
        if settled or taken + 2 * _STEPS > settings.most_steps:
            return _attribution(evaluator.id, metric, path, scores, complete, taken + len(values))
        worst = max(stretches, key=lambda one: one.missed)
        middle = (worst.low + worst.high) / 2
        values[middle] = path.value_at(middle)
        stretches.remove(worst)
        stretches += [
            _stretch(path, values, worst.low, middle),
            _stretch(path, values, middle, worst.high),
        ]
        taken += 2 * _STEPS


def _stretch(path: _Path, values: Mapping[float, float], low: float, high: float) -> _Stretch:
    """The integral over one stretch; `values` knows its ends."""
    parts = IntegratedGradients(path.value).attribute(path.at(high), path.at(low), n_steps=_STEPS)
    return _Stretch(
        low=low, high=high, change=values[high] - values[low], parts=parts.sum(-1)[0].detach()
    )


def _path(opened: OpenDialogue, metric: str) -> _Path:
    places = [n for n, span in enumerate(opened.spans) if span is not None]
    if not places:
        raise EvaluatorError("the evaluator reads no token of the reply; choose another one")
    chosen = torch.tensor(places)
    actual = opened.embeddings[chosen][None].float()
    return _Path(
        opened=opened,
        metric=METRIC_KEYS.index(metric),
        places=chosen,
        actual=actual.requires_grad_(True),
        neutral=opened.neutral.expand_as(actual).detach(),
    )


def _attribution(
    name: str,
    metric: str,
    path: _Path,
    scores: torch.Tensor,
    complete: Completeness | None,
    evaluations: int,
) -> Attribution:
    pieces = path.opened.pieces
    spans: list[TextSpan] = [
        span for n in path.places.tolist() if (span := path.opened.spans[n]) is not None
    ]
    return Attribution(
        evaluator=name,
        metric=metric,
        method="gradients" if complete is None else "integrated",
        pieces=pieces,
        scores=spread_over(pieces, zip(spans, scores.tolist(), strict=True)),
        errors=(),
        value=path.value_at(1.0),
        baseline=None if complete is None else path.value_at(0.0),
        completeness=complete,
        evaluations=evaluations,
    )
