"""Shared-prefix batches lose nothing: labels, loss and gradients are those of the rows one by one."""

from collections.abc import Sequence

import pytest
import torch
from peft import PeftModel, get_peft_model
from transformers import PreTrainedTokenizerFast

from persona.engine import Message
from persona.errors import TrainingError
from persona.sft import SftSettings, lora_config
from persona.sft_batch import (
    IGNORED,
    EncodedRow,
    SharedPrefixCollator,
    encode_row,
    shared_prefix_length,
)
from persona.sft_trainer import reply_loss, reply_states
from tests.persona.tiny_model import tiny_model, tiny_tokenizer

# Longer than the tiny model's sliding window of 24 tokens.
_SYSTEM = "わたしは本。すきなものは稽古です。よろしくおねがいします。"
_TALKS: tuple[tuple[str, ...], ...] = (
    ("なまえは？", "あやねですわ。"),
    ("なまえは？", "あやねと申しますの。"),
    ("やあ", "ごきげんよう。", "なにがすき？", "ねこ。", "それはなぜ？", "かわいいからですわ。"),
    ("よる", "はい", "ほん", "たくさんよむのがすきですわ。よるはとくに。"),
    ("あ", "い"),
    ("こんばんは", "こんばんは。よいよるですわね。", "うん", "ええ。"),
)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return tiny_tokenizer()


@pytest.fixture
def model(tokenizer: PreTrainedTokenizerFast) -> PeftModel:
    wrapped = get_peft_model(tiny_model(len(tokenizer)), lora_config(SftSettings(dropout=0)))
    torch.manual_seed(1)
    for name, parameter in wrapped.named_parameters():
        if "lora_" in name:
            parameter.data.normal_(0, 0.2)
    return wrapped.train()


def _row(tokenizer: PreTrainedTokenizerFast, talk: Sequence[str]) -> EncodedRow:
    prompt = [Message(role="system", content=_SYSTEM)] + [
        Message(role="assistant" if index % 2 else "user", content=text)
        for index, text in enumerate(talk[:-1])
    ]
    return encode_row(tokenizer, prompt, talk[-1], 500)


def _rows(tokenizer: PreTrainedTokenizerFast) -> list[EncodedRow]:
    return [_row(tokenizer, talk) for talk in _TALKS]


def _collate(rows: Sequence[EncodedRow]) -> dict[str, torch.Tensor]:
    return SharedPrefixCollator(pad_token_id=0)(rows)


def test_only_the_reply_and_its_end_are_labels(tokenizer: PreTrainedTokenizerFast) -> None:
    row = _row(tokenizer, _TALKS[2])
    reply = tokenizer("かわいいからですわ。", add_special_tokens=False)["input_ids"]
    end = tokenizer.convert_tokens_to_ids("<end_of_turn>")
    labels = row.labels()
    prompt_tokens = len(row.input_ids) - len(reply) - 1
    assert row.reply_start == prompt_tokens
    # Labels are shifted: the last token of the prompt predicts the first of the reply.
    assert labels[: prompt_tokens - 1] == [IGNORED] * (prompt_tokens - 1)
    assert labels[prompt_tokens - 1 : -1] == [*reply, end]
    assert labels[-1] == IGNORED
    assert IGNORED == -100


def test_a_batch_keeps_every_token_and_label(tokenizer: PreTrainedTokenizerFast) -> None:
    rows = _rows(tokenizer)
    batch = _collate(rows)
    prefix = batch["prefix_ids"][0].tolist()
    assert len(prefix) == shared_prefix_length(rows) > 24
    kept = sorted(
        (
            tuple(prefix + ids[mask == 1].tolist()),
            tuple([IGNORED] * len(prefix) + labels[mask == 1].tolist()),
        )
        for ids, mask, labels in zip(
            batch["input_ids"], batch["attention_mask"], batch["labels"], strict=True
        )
    )
    assert kept == sorted((row.input_ids, tuple(row.labels())) for row in rows)
    lengths = batch["attention_mask"].sum(-1)
    assert lengths.tolist() == sorted(lengths.tolist())
    assert bool((batch["labels"][batch["attention_mask"] == 0] == IGNORED).all())


def test_the_prefix_leaves_the_token_that_predicts_the_reply(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    one = _row(tokenizer, _TALKS[0])
    assert shared_prefix_length([one]) == one.reply_start - 1
    assert shared_prefix_length([one, one]) == one.reply_start - 1
    batch = _collate([one])
    assert batch["labels"][0, 0] == one.input_ids[one.reply_start]
    # Trainer counts shift_labels as they are; of labels it would leave the first column out.
    assert torch.equal(batch["shift_labels"], batch["labels"])


def _loss_by_rows(model: PeftModel, rows: Sequence[EncodedRow]) -> torch.Tensor:
    total = torch.zeros(())
    for row in rows:
        logits = model(input_ids=torch.tensor([row.input_ids])).logits[0, row.reply_start - 1 : -1]
        targets = torch.tensor(row.input_ids[row.reply_start :])
        total = total + torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
    return total


def _gradients(model: PeftModel) -> dict[str, torch.Tensor]:
    found = {
        name: parameter.grad.clone()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    model.zero_grad(set_to_none=True)
    return found


@pytest.mark.parametrize("chosen", [range(6), [0], [0, 1], [2, 4]], ids=str)
def test_loss_and_gradients_equal_those_of_the_rows_one_by_one(
    tokenizer: PreTrainedTokenizerFast, model: PeftModel, chosen: Sequence[int]
) -> None:
    rows = [_rows(tokenizer)[index] for index in chosen]
    count = sum(len(row.input_ids) - row.reply_start for row in rows)
    expected = _loss_by_rows(model, rows) / count
    expected.backward()
    expected_gradients = _gradients(model)

    hidden, targets = reply_states(model, _collate(rows))
    assert len(targets) == count
    loss = reply_loss(model, hidden, targets) / count
    loss.backward()
    gradients = _gradients(model)

    torch.testing.assert_close(loss, expected, rtol=0, atol=1e-5)
    assert set(gradients) == set(expected_gradients)
    assert len(gradients) == 3 * 7 * 2, "layers x modules x factors"
    for name, gradient in gradients.items():
        torch.testing.assert_close(
            gradient, expected_gradients[name], rtol=1e-4, atol=1e-5, msg=name
        )
        assert gradient.abs().max() > 1e-4, name


def test_rows_without_a_common_prefix_work_too(
    tokenizer: PreTrainedTokenizerFast, model: PeftModel
) -> None:
    rows = [
        EncodedRow(input_ids=(start, 300, 301, 302, 5), reply_start=3) for start in (310, 311, 312)
    ]
    assert shared_prefix_length(rows) == 0
    hidden, targets = reply_states(model, _collate(rows))
    loss = reply_loss(model, hidden, targets)
    torch.testing.assert_close(loss, _loss_by_rows(model, rows), rtol=0, atol=1e-5)


def test_a_row_too_long_is_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    prompt = [Message(role="user", content="あ" * 50)]
    length = len(encode_row(tokenizer, prompt, "い" * 30, 500).input_ids)
    with pytest.raises(
        TrainingError,
        match=f"^a training row has {length} tokens; expected at most {length - 1}: shorten the "
        f"dialogue that ends in '{'い' * 20}'$",
    ):
        encode_row(tokenizer, prompt, "い" * 30, length - 1)


def test_a_template_that_rewrites_the_prompt_is_refused() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = (
        "{{ bos_token }}{{ messages | length }}"
        "{% for m in messages %}{{ m.content }}<end_of_turn>{% endfor %}"
    )
    with pytest.raises(TrainingError, match="chat template changes the prompt"):
        encode_row(tokenizer, [Message(role="user", content="あ")], "い", 100)
