import torch

from persona.engine import Sampling
from persona.sampling import ReplyText, Sampler
from tests.persona.tiny_model import tiny_tokenizer

_IDS = torch.tensor([10, 11, 12, 13])


def _draws(sampling: Sampling, logits: list[float], count: int = 200) -> list[int]:
    sampler = Sampler(sampling, _IDS)
    return [sampler.draw(torch.tensor(logits)) for _ in range(count)]


def test_greedy_takes_the_largest_and_maps_rows_to_token_ids() -> None:
    plain = Sampling(temperature=0, repetition_penalty=1)
    assert set(_draws(plain, [0.0, 3.0, 2.0, 1.0])) == {11}


def test_penalty_moves_on_to_other_tokens() -> None:
    assert _draws(Sampling(temperature=0, repetition_penalty=2), [1.0, 3.0, 2.0, -1.0], 3) == [
        11,  # 3.0
        12,  # 11 is at 1.5 now
        11,  # 12 is at 1.0 and 11 still at 1.5
    ]


def test_top_k_and_top_p_bound_the_choice() -> None:
    flat = [1.0, 1.1, 1.2, 1.3]
    wide = Sampling(temperature=1, top_p=1, top_k=0, repetition_penalty=1)
    assert set(_draws(wide, flat)) == {10, 11, 12, 13}
    two = Sampling(temperature=1, top_p=1, top_k=2, repetition_penalty=1)
    assert set(_draws(two, flat)) == {12, 13}
    # softmax of 2, 1, 0, 0 is 0.61, 0.22, 0.08, 0.08: 0.7 is passed by the second.
    nucleus = Sampling(temperature=1, top_p=0.7, top_k=0, repetition_penalty=1)
    assert set(_draws(nucleus, [2.0, 1.0, 0.0, 0.0])) == {10, 11}


def test_the_seed_fixes_the_draw() -> None:
    def drawn(seed: int) -> list[int]:
        return _draws(Sampling(temperature=1, top_p=1, seed=seed), [1.0, 1.1, 1.2, 1.3], 40)

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)


def test_text_never_shows_half_a_character_nor_outer_white_space() -> None:
    tokenizer = tiny_tokenizer()
    reply = ReplyText(tokenizer)
    tokens = tokenizer.encode("\n こ𠮷 い\n", add_special_tokens=False)
    deltas = [reply.add(token) for token in [*tokens, 5]]
    assert [d for d in deltas if d] == ["こ", "𠮷", " い"]
    assert reply.text == "こ𠮷 い"
