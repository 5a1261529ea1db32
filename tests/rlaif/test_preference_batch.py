"""Token trees hold every row once, and give each row the log-probability it has by itself."""

import pytest
import torch
from peft import PeftModel, get_peft_model

from persona.card import SHIPPED_CARD, Card, load_card
from persona.engine import Message
from persona.sft import SftSettings, lora_config
from persona.sft_batch import EncodedRow
from rlaif.errors import PreferenceTrainingError
from rlaif.preference_batch import (
    EncodedPair,
    TokenTree,
    bucket_pairs,
    build_tree,
    encode_pair,
    pack_tensors,
)
from rlaif.preference_trainer import token_log_probs
from tests.persona.tiny_model import tiny_model, tiny_tokenizer
from tests.rlaif.pair_fixtures import asking_pairs, preference


@pytest.fixture(scope="module")
def card() -> Card:
    return load_card(SHIPPED_CARD)


def _row(*tokens: int, reply_start: int) -> EncodedRow:
    return EncodedRow(input_ids=tokens, reply_start=reply_start)


def _encoded(card: Card, count: int) -> list[EncodedPair]:
    tokenizer = tiny_tokenizer()
    return [encode_pair(tokenizer, card, one.preference, 2000) for one in asking_pairs(count)]


def _spelled(tree: TokenTree, row: int) -> list[int]:
    return [tree.targets[e] for e, r in zip(tree.edges, tree.rows, strict=True) if r == row]


def test_a_tree_holds_common_beginnings_once() -> None:
    tree = build_tree([_row(1, 2, 3, 4, 9, reply_start=2), _row(1, 2, 3, 5, 9, reply_start=2)])
    # Shared 1 2 3, then 4 and 5; nothing is predicted from the two closing 9.
    assert tree.tokens == (1, 2, 3, 4, 5)
    assert tree.depths == (0, 1, 2, 3, 3)
    assert tree.parents == (-1, 0, 1, 2, 2)
    assert _spelled(tree, 0) == [3, 4, 9]
    assert _spelled(tree, 1) == [3, 5, 9]
    assert len(tree.sources) == 5, "the edge to the shared 3 is one"


def test_a_reply_that_ends_where_another_goes_on() -> None:
    tree = build_tree([_row(1, 2, reply_start=1), _row(1, 2, 3, reply_start=1)])
    assert tree.tokens == (1, 2)
    assert (_spelled(tree, 0), _spelled(tree, 1)) == ([2], [2, 3])


def test_a_token_sees_itself_and_its_ancestors() -> None:
    pack = pack_tensors(
        build_tree([_row(1, 2, 4, 9, reply_start=2), _row(1, 2, 5, 9, reply_start=2)])
    )
    assert pack["input_ids"].shape == (1, 32)
    seen = pack["visible"][:4, :4].int().tolist()
    assert seen == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 0, 1]]
    assert pack["visible"][4:].sum() == 28, "padding sees itself alone"
    assert pack["position_ids"][0, :4].tolist() == [0, 1, 2, 2]


@pytest.mark.parametrize("sliding_window", [24, 7])
def test_log_probabilities_and_gradients_are_those_of_the_rows_one_by_one(
    card: Card, sliding_window: int
) -> None:
    pairs = _encoded(card, 4)
    rows = [row for one in pairs for row in (one.chosen, one.rejected)]
    model = _lora_model(sliding_window)
    weights = torch.linspace(-1, 1, len(rows))

    alone, expected = [], []
    for row in rows:
        ids = torch.tensor([row.input_ids])
        logits = model(input_ids=ids).logits[0, row.reply_start - 1 : -1]
        reply = ids[0, row.reply_start :]
        alone.append(logits.log_softmax(-1).gather(1, reply[:, None]).squeeze(1))
    torch.stack([weights[n] * tokens.sum() for n, tokens in enumerate(alone)]).sum().backward()
    for name, weight in model.named_parameters():
        if weight.grad is not None:
            expected.append((name, weight.grad.clone()))
            weight.grad = None

    pack = pack_tensors(build_tree(rows))
    tokens = token_log_probs(model, pack)
    assert torch.allclose(tokens, torch.cat(alone), atol=1e-4)
    (weights[pack["rows"]] * tokens).sum().backward()
    found = {name: weight.grad for name, weight in model.named_parameters()}
    assert len(expected) == 42
    for name, gradient in expected:
        own = found[name]
        assert own is not None
        assert torch.allclose(own, gradient, atol=1e-4 * max(1.0, gradient.abs().max().item()))


def _lora_model(sliding_window: int) -> PeftModel:
    base = tiny_model(len(tiny_tokenizer()))
    base.config.sliding_window = sliding_window
    model = get_peft_model(base, lora_config(SftSettings(dropout=0)))
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data.normal_(0, 0.2)
    return model.train()


def test_a_pack_computes_far_fewer_tokens_than_its_rows(card: Card) -> None:
    pairs = _encoded(card, 8)
    rows = [row for one in pairs for row in (one.chosen, one.rejected)]
    separate = sum(len(row.input_ids) for row in rows)
    assert len(build_tree(rows).tokens) < separate / 4


def test_pairs_of_like_length_share_a_pack(card: Card) -> None:
    pairs = _encoded(card, 6)
    sizes = [pair.tokens for pair in pairs]
    groups = bucket_pairs(pairs, 2 * max(sizes))
    assert sorted(index for group in groups for index in group) == list(range(6))
    assert [sizes[i] for group in groups for i in group] == sorted(sizes)
    assert all(sum(sizes[i] for i in group) <= 2 * max(sizes) for group in groups)
    assert bucket_pairs(pairs, 1) == [[i] for group in groups for i in group]
    assert bucket_pairs([], 100) == []


def test_prompt_tokens_are_common_to_both_replies(card: Card) -> None:
    for pair in _encoded(card, 4):
        start = pair.chosen.reply_start
        assert start == pair.rejected.reply_start
        assert pair.chosen.input_ids[:start] == pair.rejected.input_ids[:start]
        whole = len(pair.chosen.input_ids) + len(pair.rejected.input_ids) - start
        assert pair.tokens == whole


def test_a_long_conversation_loses_its_oldest_turns(card: Card) -> None:
    tokenizer = tiny_tokenizer()
    history = tuple(
        Message(role="assistant" if n % 2 else "user", content="あいうえお" * 5) for n in range(12)
    )
    long = preference("t", "ねこ", "はい。", "いいえ。", history)
    short = preference("t", "ねこ", "はい。", "いいえ。", history[8:])
    limit = len(encode_pair(tokenizer, card, short, 5000).rejected.input_ids)
    assert encode_pair(tokenizer, card, long, limit) == encode_pair(tokenizer, card, short, 5000)


def test_a_reply_that_never_fits_is_refused(card: Card) -> None:
    endless = preference("t7", "ねこ", "あ" * 300, "いいえ。")
    with pytest.raises(PreferenceTrainingError, match="the pair of turn t7 cannot be used"):
        encode_pair(tiny_tokenizer(), card, endless, 200)
