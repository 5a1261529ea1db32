"""The regressor opened to gradients: the evaluator's own values, parts that add up, every text covered."""

from pathlib import Path

import numpy as np
import pytest
import torch

from rlaif.attribution import AttributionSettings
from rlaif.attribution_gradients import attribute_gradients, attribute_integrated
from rlaif.attribution_sft import DifferentiableSft, load_differentiable_sft
from rlaif.errors import EvaluatorError
from rlaif.evaluator import Assessment
from rlaif.metrics import METRIC_KEYS
from rlaif.sft_evaluator import load_sft_evaluator
from rlaif.sft_texts import read_dialogue, read_spans
from rlaif.text_spans import text_at
from tests.persona.tiny_model import tiny_loaded, tiny_tokenizer
from tests.rlaif.planted_values import dialogue
from tests.rlaif.test_sft_evaluator import save_drawn

REPLY = dialogue("はい、そうですわ。", said="あついですね", facts=("ねこがすき",))


def _silent(_done: int, _planned: int | None) -> None:
    return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home") / "sft"
    save_drawn(folder)
    return folder


@pytest.fixture(scope="module")
def opened(folder: Path) -> DifferentiableSft:
    return load_differentiable_sft(folder, tiny_loaded())


def test_values_are_those_of_the_evaluator(folder: Path, opened: DifferentiableSft) -> None:
    evaluator = load_sft_evaluator(folder, tiny_loaded())
    (verdict,) = evaluator.assess([REPLY])
    assert isinstance(verdict, Assessment)
    assert opened.id == evaluator.id
    expected = [verdict.values[key] for key in METRIC_KEYS]
    for with_context in (False, True):
        reply = opened.open(REPLY, with_context=with_context)
        with torch.no_grad():
            values = reply.values(reply.embeddings.expand(2, -1, -1))
        np.testing.assert_allclose(values.numpy(), [expected, expected], atol=2e-3)


@pytest.mark.parametrize("with_context", [False, True])
def test_parts_add_up_within_five_percent(opened: DifferentiableSft, with_context: bool) -> None:
    settings = AttributionSettings(with_context=with_context, tolerance_points=1e-6)
    told = attribute_integrated(opened, REPLY, "trust", settings, _silent)
    assert told.baseline is not None
    change = told.value - told.baseline
    assert abs(change) > 0.001
    assert abs(sum(told.scores) - change) <= 0.05 * abs(change)
    slopes = attribute_gradients(opened, REPLY, "trust", settings, _silent)
    assert slopes.pieces == told.pieces
    assert any(slopes.scores)


def test_tokens_are_placed_in_their_texts() -> None:
    reading = read_dialogue(tiny_tokenizer(), REPLY, 60)
    spans = read_spans(tiny_tokenizer(), REPLY, 60)
    assert len(spans) == len(reading.ids)
    texts: dict[str, str] = {}
    for span in spans:
        if span is not None:
            texts[span.part] = texts.get(span.part, "") + text_at(REPLY, span)
    assert texts == {"reply": REPLY.reply, "turn": REPLY.turns[0].content, "fact": REPLY.facts[0]}
    assert read_spans(tiny_tokenizer(), REPLY, 5)[-5:] == spans[-5:]


def test_an_empty_reply_is_refused(opened: DifferentiableSft) -> None:
    with pytest.raises(EvaluatorError, match="reply with text"):
        opened.open(dialogue("　"), with_context=False)
