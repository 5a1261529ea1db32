import pytest
import torch
from transformers import DynamicCache

from persona.decoding import Decoder, PrefixCache
from persona.lora_bank import LoraBank
from tests.persona.tiny_model import BASE_SHA256, tiny_loaded


def _decoder(max_bytes: int = 1 << 20, block_tokens: int = 8) -> tuple[Decoder, PrefixCache]:
    loaded = tiny_loaded()
    bank = LoraBank(loaded.model, base_sha256=BASE_SHA256, max_resident=2)
    cache = PrefixCache(max_bytes=max_bytes, block_tokens=block_tokens)
    ids = torch.arange(len(loaded.tokenizer))
    return Decoder(loaded.model, bank, cache, ids), cache


def _prompt(length: int, seed: int = 0) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(270, 400, (length,), generator=generator).tolist()


def _read(decoder: Decoder, prompt: list[int]) -> tuple[torch.Tensor, int]:
    with torch.inference_mode():
        stream = decoder.open(prompt, None)
        logits = None
        while logits is None:
            logits = decoder.advance(stream)
        return logits, stream.reused


@pytest.mark.parametrize("length", [1, 7, 8, 9, 24, 25, 61])
def test_chunks_and_steps_give_what_the_model_itself_gives(length: int) -> None:
    """The window of the tiny model is 24: longer prompts cross it in chunks and in steps."""
    prompt, drawn = _prompt(length), [300, 301, 302]
    model = tiny_loaded().model
    with torch.inference_mode():
        whole = model(
            torch.tensor([[*prompt, *drawn]]), past_key_values=DynamicCache(config=model.config)
        ).logits[0]
        decoder, _ = _decoder()
        stream = decoder.open(prompt, None)
        logits = None
        while logits is None:
            logits = decoder.advance(stream)
        ours = [logits, *(decoder.step(stream, token) for token in drawn)]
    assert torch.allclose(torch.stack(ours), whole[length - 1 :], atol=1e-3)


def test_reused_blocks_give_the_very_same_numbers() -> None:
    decoder, _ = _decoder()
    cold, none = _read(decoder, _prompt(61))
    warm, reused = _read(decoder, _prompt(61))
    assert (none, reused) == (0, 56)
    assert torch.equal(cold, warm)
    other, partly = _read(decoder, [*_prompt(61)[:20], *_prompt(41, seed=1)])
    assert partly == 16
    fresh, _ = _read(_decoder()[0], [*_prompt(61)[:20], *_prompt(41, seed=1)])
    assert torch.equal(other, fresh)


def test_the_last_block_is_computed_for_the_first_token() -> None:
    decoder, _ = _decoder()
    _read(decoder, _prompt(24))
    assert _read(decoder, _prompt(24))[1] == 16


def test_the_cache_stays_within_its_bound_and_drops_ends_of_chains_first() -> None:
    # 3 layers x keys and values x 8 positions x 16 wide x 4 bytes = 3072 bytes for a block.
    decoder, cache = _decoder(max_bytes=4 * 3072)
    _read(decoder, _prompt(33))
    assert cache.held_bytes == 4 * 3072
    _read(decoder, _prompt(17, seed=5))
    assert cache.held_bytes == 4 * 3072
    assert _read(decoder, _prompt(33))[1] == 16
    assert _decoder(max_bytes=0)[1].held_bytes == 0


def test_a_bound_of_zero_keeps_nothing() -> None:
    decoder, cache = _decoder(max_bytes=0)
    first, _ = _read(decoder, _prompt(33))
    again, reused = _read(decoder, _prompt(33))
    assert (cache.held_bytes, reused) == (0, 0)
    assert torch.equal(first, again)


def test_keys_differ_by_adapter_and_by_all_that_came_before() -> None:
    cache = PrefixCache(max_bytes=1, block_tokens=4)
    base = cache.keys(None, range(13))
    assert len(base) == 3
    assert not set(base) & set(cache.keys("a", range(13)))
    assert not set(cache.keys("b", range(13))) & set(cache.keys("a", range(13)))
    changed = cache.keys(None, [99, *range(1, 13)])
    assert not set(base) & set(changed)
    assert cache.keys(None, [*range(8), 7, 7, 7, 7, 7])[:2] == base[:2]


def test_closing_gives_the_attention_back() -> None:
    loaded = tiny_loaded()
    former = loaded.model.config._attn_implementation
    bank = LoraBank(loaded.model, base_sha256=BASE_SHA256, max_resident=2)
    cache = PrefixCache(max_bytes=0, block_tokens=8)
    decoder = Decoder(loaded.model, bank, cache, torch.arange(5))
    assert loaded.model.config._attn_implementation != former
    decoder.close()
    assert loaded.model.config._attn_implementation == former
