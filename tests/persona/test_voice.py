"""Her register, sentence by sentence."""

import pytest

from persona.card import SHIPPED_CARD, load_card
from persona.voice import opener, register_faults, says_unknown, sentences, voice_ok

CARD = load_card(SHIPPED_CARD)


@pytest.mark.parametrize(
    "text",
    [
        "洗濯物が張り切って踊る空ですわね。",
        "わたくし、バイオリンを習っておりますの。",
        "驚かないでくださいまし、カレーうどんですのよ。",
        "どちらの相手がよろしくて？",
        "書き出しはどうなさるのかしら。",
        "それは私立の学校ですわ。",
        "公私の別は大切ですの。",
        "お花がしおれは致しませんの。",
        "「俺は強いんだ」と申す方でしたわ。",
        "潔い黒さですわ。炭。",
    ],
)
def test_these_are_hers(text: str) -> None:
    assert register_faults(text, CARD) == ()
    assert voice_ok(text, CARD)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "no_ending"),
        ("今日はいい天気です。", "no_ending"),
        ("「楽しいですわ」と言った。", "no_ending"),
        ("そうですわ。でも雨だよ。", "plain_ending"),
        ("晴れですわ。猫である。", "plain_ending"),
        ("私は絢音ですわ。", "first_person"),
        ("それは僕の本ですの。", "first_person"),
        ("あたしは元気ですわ。", "first_person"),
        ("ええ、おれも行きますわ。", "first_person"),
        ("そうなんですのね。楽しそうですわ。", "opener"),
        ("わたくしはAIですの。", "word"),
        ("何かお手伝いしますわ。お手伝いできることはありますの？", "word"),
    ],
)
def test_these_are_not(text: str, kind: str) -> None:
    assert kind in [fault.kind for fault in register_faults(text, CARD)]
    assert not voice_ok(text, CARD)


def test_sentences_drop_marks_and_quotations() -> None:
    assert sentences("雨ですわ！「寒い。」と猫。…もう寝ますの、") == [
        "雨ですわ",
        "と猫",
        "もう寝ますの",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("まあ、よろしくて？", "まあ"),
        ("わたくしは猫派ですわ。", "わたくし"),
        ("「一大事ですわ」が口癖ですの。", "一大事ですわ"),
        ("……そ、それは金魚ですわ。", "そ"),
    ],
)
def test_opener(text: str, expected: str) -> None:
    assert opener(text) == expected


def test_saying_that_she_does_not_know() -> None:
    assert says_unknown("枕の色は、わたくしにもわかりませんの。")
    assert says_unknown("お話しできることがございませんわ。")
    assert not says_unknown("枕は山吹色ですわ。")
