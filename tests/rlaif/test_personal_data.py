"""Numbers of people never enter training; numbers of anything else may."""

from random import Random

import pytest

from persona.engine import Message
from rlaif.personal_data import LABELS, DataKind, luhn_ok, mask, mask_turns, my_number_ok
from tests.rlaif.personal_lines import (
    ADDRESSES,
    CARRIERS,
    HARMLESS,
    NAMES,
    UNSEEN_CARRIERS,
    UNSEEN_HARMLESS,
    Line,
    harmless_lines,
    personal_lines,
)

PROMISED: tuple[DataKind, ...] = ("my_number", "phone", "mail", "card")


def visitor(*texts: str) -> list[Message]:
    turns: list[Message] = []
    for text in texts:
        turns += [Message(role="user", content=text), Message(role="assistant", content="ええ。")]
    return turns[:-1]


def outcome(line: Line) -> tuple[bool, bool]:
    """(something was masked, nothing of the secret is left)."""
    masked = mask_turns(visitor(*line.turns))
    text = "\n".join(turn.content for turn in masked.turns)
    return bool(masked.kinds), not any(secret in text for secret in line.secret)


@pytest.mark.parametrize("seed", [11, 12])
@pytest.mark.parametrize("unseen", [False, True])
def test_recall_and_precision_on_labelled_lines(seed: int, unseen: bool) -> None:
    rng = Random(seed)
    personal = personal_lines(rng, 240, UNSEEN_CARRIERS if unseen else CARRIERS)
    harmless = harmless_lines(rng, 1200, UNSEEN_HARMLESS if unseen else HARMLESS)
    assert len(personal) + len(harmless) >= 1000
    for kind in LABELS:
        lines = [line for line in personal if line.kind == kind]
        missed = [line.turns for line in lines if outcome(line) != (True, True)]
        allowed = 0.01 if kind in PROMISED else 0.05
        assert len(missed) <= allowed * len(lines), (kind, missed[:8])
    alarms = [line.turns for line in harmless if outcome(line)[0]]
    hits = sum(outcome(line)[0] for line in personal)
    assert hits / (hits + len(alarms)) >= 0.95, alarms[:8]


def test_names_and_addresses_pass_as_the_module_says() -> None:
    assert [text for text in (*NAMES, *ADDRESSES) if mask(text).kinds] == []


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("０９０－１２３４－５６７８ですわ", "〔電話番号〕ですわ"),
        ("+81 90-1234-5678まで", "+〔電話番号〕まで"),
        ("090一1234一5678", "〔電話番号〕"),
        ("O9O-1234-5678", "〔電話番号〕"),
        ("○九○・一二三四・五六七八", "〔電話番号〕"),
        ("09012345678一緒に行こう", "〔電話番号〕一緒に行こう"),
        ("2024-05-03に090-1234-5678へ", "2024-05-03に〔電話番号〕へ"),
        ("taro（アットマーク）は使わない", "taro（アットマーク）は使わない"),
        ("taro アットマーク example ドット jp", "〔メールアドレス〕"),
        ("4111 1111 1111 1112", "4111 1111 1111 1112"),
        ("090-○○○○-○○○○", "090-○○○○-○○○○"),
        ("", ""),
    ],
)
def test_disguises(text: str, masked: str) -> None:
    assert mask(text).text == masked


def test_check_digits_by_hand() -> None:
    # 12345678901: 1*6+2*5+3*4+4*3+5*2+6*7+7*6+8*5+9*4+0*3+1*2 = 212, 212 mod 11 = 3, 11 - 3 = 8
    assert my_number_ok("123456789018")
    assert not my_number_ok("123456789019")
    # 79927398713: doubled 1, 8, 3, 2, 9 -> 2, 7, 6, 4, 9 = 28; with 3, 7, 9, 7, 9, 7 = 42: 70
    assert luhn_ok("79927398713")
    assert not luhn_ok("79927398710")


def test_a_piece_that_she_repeats_is_masked_too() -> None:
    turns = [
        Message(role="user", content="番号は080-1234"),
        Message(role="assistant", content="080-1234、ですわね。続きは？"),
        Message(role="user", content="9876！"),
    ]
    masked = mask_turns(turns)
    text = "".join(turn.content for turn in masked.turns)
    assert "1234" not in text
    assert "9876" not in text
    assert (
        mask("9876と覚えましたわ。", fragments=masked.fragments).text
        == "〔電話番号〕と覚えましたわ。"
    )
    assert mask("9876と覚えましたわ。").kinds == frozenset()


def test_three_turns() -> None:
    masked = mask_turns(visitor("090", "1234", "5678だよ"))
    assert "".join(turn.content for turn in masked.turns if turn.role == "user") == (
        "〔電話番号〕" * 3 + "だよ"
    )


def test_masking_twice_changes_nothing() -> None:
    for line in personal_lines(Random(3), 40):
        once = mask_turns(visitor(*line.turns)).turns
        assert mask_turns(once).turns == once
