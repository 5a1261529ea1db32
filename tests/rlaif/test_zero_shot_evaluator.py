"""ZeroShotEvaluator: probabilities equal to reading every number alone, and what it refuses."""

import math
from dataclasses import replace

import pytest
import torch

from persona.engine import Message
from rlaif.errors import EvaluatorError
from rlaif.evaluator import Assessment, Dialogue, Unscored
from rlaif.metrics import METRIC_KEYS, METRICS
from rlaif.zero_shot_evaluator import ZeroShotEvaluator, _number_chances, _Numerals
from tests.persona.tiny_model import tiny_loaded

DIALOGUE = Dialogue(turns=(Message(role="user", content="あ"),), reply="い")


def _written(key: str, number: str) -> float:
    """Probability that the model writes the tokens of a number behind the instruction, one by one;
    a 1 only where no 0 follows."""
    loaded = tiny_loaded()
    encode = loaded.tokenizer.encode
    (item,) = (m.item for m in METRICS if m.key == key)
    told = f"客「あ」\n相手「い」\n客の感想。「{item}」にどれだけ同意するか、0から10の点数："
    tokens = [loaded.tokenizer.bos_token_id]
    # The talk and the instruction are separate pieces to the tokenizer.
    talk, instruction = told.split("\n客の感想", 1)
    tokens += encode(talk, add_special_tokens=False)
    tokens += encode(f"\n客の感想{instruction}", add_special_tokens=False)
    chance = 1.0
    for digit in encode(number, add_special_tokens=False):
        with torch.inference_mode():
            logits = loaded.model(input_ids=torch.tensor([tokens])).logits[0, -1].double()
        chance *= math.exp(logits.log_softmax(-1)[digit])
        tokens.append(digit)
    return chance


@pytest.mark.parametrize("key", ["agency", "respeak"])
def test_a_value_is_the_mean_of_the_numbers_as_read_one_by_one(key: str) -> None:
    (verdict,) = ZeroShotEvaluator(tiny_loaded()).assess([DIALOGUE])
    assert isinstance(verdict, Assessment)
    chances = [_written(key, str(number)) for number in range(11)]
    chances[1] -= chances[10]  # a 1 that goes on as 10 is no 1
    total = sum(chances)
    mean = sum(number * chance for number, chance in enumerate(chances)) / total
    variance = sum((n - mean) ** 2 * chance for n, chance in enumerate(chances)) / total
    assert verdict.values[key] == pytest.approx(mean, abs=1e-4)
    assert verdict.spread[key] == pytest.approx(variance**0.5, abs=1e-4)
    assert set(verdict.values) == set(METRIC_KEYS)


def test_a_ten_of_one_token_is_a_number_like_the_others() -> None:
    log_p = torch.full((1, 20), -20.0, dtype=torch.float64)
    log_p[0, 3], log_p[0, 15] = math.log(0.3), math.log(0.1)
    found = _number_chances(log_p, log_p, _Numerals(digits=tuple(range(10)), ten=(15,)))
    assert found[0, 3].item() == pytest.approx(0.75, abs=1e-6)
    assert found[0, 10].item() == pytest.approx(0.25, abs=1e-6)


def test_the_reply_counts_and_a_blank_one_is_unscored() -> None:
    evaluator, done = ZeroShotEvaluator(tiny_loaded()), list[int]()
    one, other, blank = evaluator.assess(
        [DIALOGUE, replace(DIALOGUE, reply="うみ"), replace(DIALOGUE, reply=" ")], done.append
    )
    assert isinstance(one, Assessment)
    assert isinstance(other, Assessment)
    assert one.values != other.values
    assert blank == Unscored(reason="the reply is blank")
    assert done == [1, 2, 3]
    assert evaluator.kind == "zero-shot"
    assert evaluator.id.startswith("zero-shot:bbbbbbbbbbbb:")


def test_a_tokenizer_without_single_digits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = tiny_loaded()
    plain = loaded.tokenizer.encode

    def doubled(text: str, **options: object) -> list[int]:
        return [token for token in plain(text, **options) for _ in range(2)]

    monkeypatch.setattr(loaded.tokenizer, "encode", doubled)
    with pytest.raises(EvaluatorError, match="digits 0 to 9 as one token each"):
        ZeroShotEvaluator(loaded)
