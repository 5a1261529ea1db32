"""Reading many replies in one tree gives what reading them one by one gives."""

import pytest
import torch

from persona.engine import Message
from persona.reply_vocabulary import reply_vocabulary
from rlaif.base_pass import BasePass, PassSettings
from rlaif.evaluator import Dialogue
from tests.persona.tiny_model import tiny_loaded

SETTINGS = PassSettings(layers=(1, 2), pass_tokens=60)
HELLO = (Message(role="user", content="こんにちは"),)


def _dialogue(reply: str, *, facts: tuple[str, ...] = ()) -> Dialogue:
    return Dialogue(turns=HELLO, reply=reply, facts=facts)


def test_a_tree_reads_each_reply_as_if_it_stood_alone() -> None:
    loaded = tiny_loaded()
    base = BasePass(loaded, SETTINGS)
    dialogues = [
        _dialogue("はい", facts=("なまえは",)),
        _dialogue("いいえ、すき"),
        _dialogue("はい"),
    ]
    together = base.read(dialogues)
    for dialogue, reading in zip(dialogues, together, strict=True):
        (single,) = base.read([dialogue])
        torch.testing.assert_close(single.known, reading.known, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(single.states, reading.states, atol=1e-4, rtol=1e-4)


def test_log_probabilities_are_the_models_own() -> None:
    loaded = tiny_loaded()
    (reading,) = BasePass(loaded, SETTINGS).read([_dialogue("はい")])
    tokenizer = loaded.tokenizer
    prompt = [
        tokenizer.bos_token_id,
        *tokenizer.encode("Ａ：こんにちは\nＢ：", add_special_tokens=False),
    ]
    reply = tokenizer.encode("はい\n", add_special_tokens=False)
    with torch.no_grad():
        logits = loaded.model(input_ids=torch.tensor([prompt + reply])).logits[0]
    vocabulary = reply_vocabulary(
        tokenizer, "japanese", stop_ids=frozenset(), head_rows=logits.shape[1]
    )
    assert set(reply) <= set(vocabulary.ids.tolist())
    rows = logits[len(prompt) - 1 : -1]
    own = rows[torch.arange(len(reply)), torch.tensor(reply)]
    expected = own - rows[:, vocabulary.ids].logsumexp(-1)
    torch.testing.assert_close(reading.known, expected, atol=1e-4, rtol=1e-4)


def test_without_facts_the_unaided_reading_is_the_same() -> None:
    base = BasePass(tiny_loaded(), SETTINGS)
    plain, aided = base.read([_dialogue("はい"), _dialogue("はい", facts=("はい",))])
    torch.testing.assert_close(plain.known, plain.unaided)
    assert not torch.allclose(aided.known, aided.unaided)
    torch.testing.assert_close(aided.unaided, plain.known, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("reply", ["あ" * 300, "い\nう"])
def test_long_and_broken_lines_are_read(reply: str) -> None:
    base = BasePass(tiny_loaded(), PassSettings(layers=(1,), max_reply_tokens=20))
    (reading,) = base.read([_dialogue(reply)])
    assert len(reading.known) <= 21
    assert torch.isfinite(reading.states).all()
