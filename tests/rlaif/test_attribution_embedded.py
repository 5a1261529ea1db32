"""The embedded evaluator opened to gradients: the same values, parts that add up, every text covered."""

import numpy as np
import pytest
import torch

from persona.card import SHIPPED_CARD, load_card
from rlaif.attribution import AttributionSettings
from rlaif.attribution_embedded import DifferentiableEmbedded
from rlaif.attribution_gradients import attribute_gradients, attribute_integrated
from rlaif.base_pass import BasePass, PassSettings
from rlaif.embedded_evaluator import EmbeddedEvaluator
from rlaif.embedded_heads import HeadWeights
from rlaif.errors import EvaluatorError
from rlaif.evaluator import Assessment
from rlaif.features import FIGURE_NAMES, FeatureExtractor
from rlaif.metrics import METRIC_KEYS
from rlaif.text_spans import text_at
from tests.persona.tiny_model import tiny_loaded
from tests.rlaif.planted_values import dialogue
from tests.rlaif.test_embedded_evaluator import WIDTH, LetterEmbedder

REPLY = dialogue("はい、そうですわ。", said="あついですね", facts=("ねこがすき",))
INPUTS = 6 + len(FIGURE_NAMES)


def _silent(_done: int, _planned: int | None) -> None:
    return None


def _weights() -> HeadWeights:
    """Two members over 6 directions of the states and all figures, drawn, small enough to be smooth."""
    draw = torch.Generator().manual_seed(3)

    def some(*shape: int, scale: float) -> torch.Tensor:
        return torch.randn(*shape, generator=draw) * scale

    return HeadWeights(
        state_mean=torch.zeros(WIDTH), state_basis=some(WIDTH, 6, scale=0.05),
        figure_mean=torch.zeros(len(FIGURE_NAMES)), figure_scale=torch.full((len(FIGURE_NAMES),), 5.0),
        hidden=some(2, INPUTS, 5, scale=0.3), hidden_bias=torch.zeros(2, 5),
        out=some(2, 5, 12, scale=0.3), skip=some(2, INPUTS, 12, scale=0.1),
        out_bias=torch.zeros(2, 12), opinion=some(INPUTS, 12, scale=0.01),
        opinion_bias=torch.zeros(12),
    )  # fmt: skip


@pytest.fixture(scope="module")
def base() -> BasePass:
    return BasePass(tiny_loaded(), PassSettings(layers=(1, 2)))


@pytest.fixture(scope="module")
def opened(base: BasePass) -> DifferentiableEmbedded:
    return DifferentiableEmbedded(
        base, LetterEmbedder(), _weights(), load_card(SHIPPED_CARD), "tiny"
    )


@pytest.mark.parametrize("with_context", [False, True])
def test_values_are_those_of_the_evaluator(
    base: BasePass, opened: DifferentiableEmbedded, with_context: bool
) -> None:
    extractor = FeatureExtractor(base, LetterEmbedder())
    evaluator = EmbeddedEvaluator(extractor, _weights(), load_card(SHIPPED_CARD), "tiny")
    (verdict,) = evaluator.assess([REPLY])
    assert isinstance(verdict, Assessment)
    reply = opened.open(REPLY, with_context=with_context)
    with torch.no_grad():
        values = reply.values(reply.embeddings.expand(2, -1, -1))
    expected = [verdict.values[key] for key in METRIC_KEYS]
    np.testing.assert_allclose(values.numpy(), [expected, expected], atol=2e-4)
    if with_context:
        moved = reply.embeddings.clone()
        moved[reply.spans.index(next(one for one in reply.spans if one and one.part == "fact"))] = 0
        with torch.no_grad():
            assert (reply.values(moved[None])[0] - values[0]).abs().max() > 1e-4


@pytest.mark.parametrize("with_context", [False, True])
def test_parts_add_up_within_five_percent(
    opened: DifferentiableEmbedded, with_context: bool
) -> None:
    settings = AttributionSettings(with_context=with_context, tolerance_points=1e-6)
    told = attribute_integrated(opened, REPLY, "trust", settings, _silent)
    assert told.baseline is not None
    change = told.value - told.baseline
    assert abs(change) > 0.01
    assert abs(sum(told.scores) - change) <= 0.05 * abs(change)
    assert told.completeness is not None
    assert told.completeness.holds
    texts: dict[str, str] = {}
    for piece in told.pieces:
        texts[piece.part] = texts.get(piece.part, "") + text_at(REPLY, piece)
    context = {"fact": REPLY.facts[0], "turn": REPLY.turns[0].content}
    assert texts == {"reply": REPLY.reply, **(context if with_context else {})}
    slopes = attribute_gradients(opened, REPLY, "trust", settings, _silent)
    assert slopes.pieces == told.pieces
    assert sum(score != 0 for score in slopes.scores) == len(slopes.scores)


def test_tokens_beyond_what_is_read_get_nothing() -> None:
    short = BasePass(tiny_loaded(), PassSettings(layers=(1, 2), max_reply_tokens=3))
    evaluator = DifferentiableEmbedded(
        short, LetterEmbedder(), _weights(), load_card(SHIPPED_CARD), "tiny"
    )
    told = attribute_gradients(evaluator, REPLY, "trust", AttributionSettings(), _silent)
    assert all(told.scores[:3])
    assert not any(told.scores[3:])


def test_an_empty_reply_is_refused(opened: DifferentiableEmbedded) -> None:
    with pytest.raises(EvaluatorError, match="reply with text"):
        opened.open(dialogue("　"), with_context=False)


def test_a_letter_of_several_tokens_is_one_piece(opened: DifferentiableEmbedded) -> None:
    reply = opened.open(dialogue("龍ですわ"), with_context=False)
    assert [text_at(dialogue("龍ですわ"), piece) for piece in reply.pieces] == list("龍ですわ")
    assert len([one for one in reply.spans if one and one.start == 0]) == 3, "three bytes"
