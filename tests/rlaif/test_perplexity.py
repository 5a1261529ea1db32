"""Nats per reply against the plain model with PEFT, row by row."""

import math
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

from persona.card import SHIPPED_CARD, Card, load_card
from persona.dialogues import DialogueRow
from persona.errors import AdapterError
from persona.prompt import build_messages
from persona.sft_batch import encode_row
from rlaif.gate_statistics import Case
from rlaif.perplexity import PerplexitySettings, reply_nats
from tests.persona.tiny_model import tiny_loaded, write_adapter, write_weights


def _row(name: str, user: str, reply: str) -> DialogueRow:
    return DialogueRow(
        id=name, kind="style", topic=f"t-{name}", history=(), user=user, reply=reply, facts=(),
        gold=None, keys=(), twin=None, split="validation",
    )  # fmt: skip


_ROWS = (
    _row("a", "こんにちは", "ごきげんよう、こんにちは。"),
    _row("b", "おはよう", "よいあさ。"),
    _row("c", "ねえねえねえ", "なんですの？"),
)


@pytest.fixture(scope="module")
def card() -> Card:
    return load_card(SHIPPED_CARD)


def _plainly(card: Card, folder: Path | None) -> list[tuple[float, int]]:
    loaded = tiny_loaded()
    model = loaded.model if folder is None else PeftModel.from_pretrained(loaded.model, folder)
    found = []
    for row in _ROWS:
        prompt = build_messages(card, (), row.user, ())
        encoded = encode_row(loaded.tokenizer, prompt, row.reply, 2048)
        with torch.no_grad():
            logits = model(torch.tensor([encoded.input_ids])).logits[0].float()
        scores = logits[:-1].log_softmax(-1)
        targets = torch.tensor(encoded.input_ids[1:])
        nats = -scores.gather(1, targets[:, None])[encoded.reply_start - 1 :]
        found.append((float(nats.sum()), len(nats)))
    return found


@pytest.mark.parametrize("adapted", [False, True])
def test_nats_are_those_of_the_plain_model(adapted: bool, card: Card, tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "v1", 3) if adapted else None
    loaded = tiny_loaded()
    settings = PerplexitySettings(batch_size=2, max_tokens=2048)
    cases = reply_nats(loaded, folder, card, _ROWS, settings=settings)
    assert [(case.id, case.topic) for case in cases] == [(r.id, r.topic) for r in _ROWS]
    for case, (nats, tokens) in zip(cases, _plainly(card, folder), strict=True):
        assert case.value == pytest.approx(nats, rel=1e-4)
        assert case.weight == tokens


def test_the_model_is_given_back_unchanged(card: Card, tmp_path: Path) -> None:
    loaded = tiny_loaded()
    settings = PerplexitySettings(max_tokens=2048)
    before = reply_nats(loaded, None, card, _ROWS, settings=settings)
    changed = reply_nats(loaded, write_adapter(tmp_path / "v1", 3), card, _ROWS, settings=settings)
    assert reply_nats(loaded, None, card, _ROWS, settings=settings) == before
    assert _values(changed) != _values(before)


def _values(cases: list[Case]) -> list[float]:
    return [case.value for case in cases]


def test_weights_that_are_no_numbers_are_refused(card: Card, tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "v1", 3)
    tensors = load_file(str(folder / "adapter_model.safetensors"))
    name = next(key for key in tensors if "lora_B" in key)
    tensors[name].fill_(float("nan"))
    write_weights(folder, tensors)
    loaded = tiny_loaded()
    settings = PerplexitySettings(max_tokens=2048)
    before = reply_nats(loaded, None, card, _ROWS, settings=settings)
    with pytest.raises(AdapterError, match="finite"):
        reply_nats(loaded, folder, card, _ROWS, settings=settings)
    assert reply_nats(loaded, None, card, _ROWS, settings=settings) == before


def test_weights_that_overflow_give_no_numbers(card: Card, tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "v1", 3)
    tensors = load_file(str(folder / "adapter_model.safetensors"))
    write_weights(folder, {name: tensor * 1e30 for name, tensor in tensors.items()})
    settings = PerplexitySettings(max_tokens=2048)
    cases = reply_nats(tiny_loaded(), folder, card, _ROWS, settings=settings)
    assert not any(math.isfinite(value) for value in _values(cases))
