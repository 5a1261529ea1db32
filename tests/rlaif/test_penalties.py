"""What the guards see, and what they leave alone."""

from collections import defaultdict
from itertools import permutations

import pytest

from persona.card import SHIPPED_CARD, load_card
from persona.dialogues import DialogueRow, read_card_rows
from persona.engine import Message
from persona.estimates import rate
from rlaif.contradiction import contradictions
from rlaif.errors import PairingError
from rlaif.evaluator import Dialogue
from rlaif.penalties import GUARDS, PenaltySettings, TextFacts, stock_share, text_facts

CARD = load_card(SHIPPED_CARD)
SETTINGS = PenaltySettings()
GOOD = "河川敷の自転車は、今日も三メートルで降参いたしましたわ。"


def dialogue(asked: str, reply: str, *facts: str, earlier: tuple[str, ...] = ()) -> Dialogue:
    turns = [Message(role="assistant", content=text) for text in earlier]
    return Dialogue(turns=(*turns, Message(role="user", content=asked)), reply=reply, facts=facts)


def of_row(row: DialogueRow, reply: str | None = None) -> Dialogue:
    return Dialogue(
        turns=(*row.history, Message(role="user", content=row.user)),
        reply=reply or row.reply,
        facts=row.facts,
    )


def look(asked: str, reply: str, *facts: str, earlier: tuple[str, ...] = ()) -> TextFacts:
    return text_facts(dialogue(asked, reply, *facts, earlier=earlier), CARD, SETTINGS)


def test_a_good_reply_costs_nothing() -> None:
    found = look("最近どう？", GOOD)
    assert [found.severity(guard) for guard in GUARDS] == [0.0] * len(GUARDS)
    assert found.notes == ()


@pytest.mark.parametrize(
    "reply",
    [
        "そうなんですのね。",
        "なるほど、それはとても素敵ですわね。",
        "それは大変でしたわね。お気持ち、わかりますわ。",
        "楽しそうですわ！もっとお話を聞かせてくださいませ。",
        "ええ、本当によかったですわ。応援しておりますわ。",
        "そうですか。頑張ってくださいね。",
        "はい。",
        "",
    ],
)
def test_stock_replies_are_dull(reply: str) -> None:
    assert look("昨日、弟と釣りに行ったよ", reply).dullness == 1.0


@pytest.mark.parametrize(
    "reply",
    [
        "釣り糸より先に、弟さんの靴がほどけましたのね。",
        "『蜜柑色の革命』ですわ。",
        "猫は好きですわ。",
        "そうなんですのね。わたくしは鯉に指を食まれて、悲鳴を上げましたの。",
    ],
)
def test_replies_with_something_in_them_are_not(reply: str) -> None:
    assert look("昨日、弟と釣りに行ったよ", reply).dullness == 0.0
    assert stock_share(reply) < 0.4


def test_length_outside_the_window_costs_in_proportion() -> None:
    sizes = {size: look("ねえ", "茶" * size).length for size in (2, 4, 8, 60, 90, 120, 500)}
    assert sizes == {2: 0.75, 4: 0.5, 8: 0.0, 60: 0.0, 90: 0.5, 120: 1.0, 500: 1.0}


def test_register() -> None:
    assert look("ねえ", "僕は河川敷で自転車に乗りますわ。").register == 1.0
    assert look("ねえ", "今日は河川敷で自転車に乗ります。").register == 0.5


def test_repetition_of_three_kinds() -> None:
    assert (
        look("ねえ", "お茶をどうぞ、お茶をどうぞ、お茶をどうぞ、お茶をどうぞ。").repetition == 1.0
    )
    assert look("ねえ", GOOD, earlier=(GOOD,)).repetition == 1.0
    assert (
        look("駅前の本屋が今月で閉まるんだって", "駅前の本屋が今月で閉まるんですの。").repetition
        > 0.5
    )
    assert look("駅前の本屋が閉まるって", "あの栞、もういただけませんのね。").repetition == 0.0


@pytest.mark.parametrize(
    ("asked", "reply", "fact", "kind"),
    [
        ("おいくつ？", "年齢は16歳ですわ。", "絢音の年齢は17歳である。", "number"),
        (
            "長野に何年いたの？",
            "長野には五年おりましたの。",
            "絢音は長野に三年暮らした。",
            "number",
        ),
        ("部活は？", "高校では合唱部ですわ。", "絢音は高校で弦楽部に入っている。", "slot"),
        ("セロリ好き？", "セロリは大好きですわ。", "絢音はセロリの匂いが苦手である。", "polarity"),
        (
            "猫は？",
            "メレンゲなど飼っておりませんわ。",
            "絢音は雄猫のメレンゲを飼っている。",
            "polarity",
        ),
        (
            "お兄さんの留学先はどこ？",
            "火星ですのよ。",
            "絢音の兄の留学先はアメリカである。",
            "answer",
        ),
    ],
)
def test_contradictions(asked: str, reply: str, fact: str, kind: str) -> None:
    (found,) = contradictions(dialogue(asked, reply, fact, "絢音は猫舌である。"))
    assert found.kind == kind
    assert look(asked, reply, fact).contradiction == 1.0


@pytest.mark.parametrize(
    ("asked", "reply", "fact"),
    [
        ("おいくつ？", "十七歳ですわ。", "絢音の年齢は17歳である。"),
        ("おじいさんは？", "祖父は八十歳になりましたの。", "絢音の兄は20歳である。"),
        ("セロリ好き？", "セロリは苦手ですの。", "絢音はセロリの匂いが苦手である。"),
        ("猫飼ってる？", "メレンゲを飼っておりますわ。", "絢音は雄猫のメレンゲを飼っている。"),
        ("何部？", "その件は覚えておりませんの。", "絢音は高校で弦楽部に入っている。"),
        ("あだ名は？", "「あやのん」ですわ。", "絢音は友人から「あやのん」と呼ばれている。"),
    ],
)
def test_what_agrees_or_is_about_something_else_passes(asked: str, reply: str, fact: str) -> None:
    assert contradictions(dialogue(asked, reply, fact)) == ()


def test_on_the_shipped_dialogues() -> None:
    """Her own replies pass; replies to the same question under another fact are seen often."""
    rows = read_card_rows(SHIPPED_CARD, "train", "validation", "test")
    false = rate([bool(contradictions(of_row(row))) for row in rows])
    assert false is not None
    assert false.high < 0.015
    twins: dict[str, list[DialogueRow]] = defaultdict(list)
    for row in rows:
        if row.twin and row.kind == "fact":
            twins[row.twin].append(row)
    seen = rate(
        [
            bool(contradictions(of_row(here, other.reply)))
            for each in twins.values()
            for here, other in permutations(each, 2)
            if not any(key in "".join(here.facts) for key in other.keys)
        ]
    )
    assert seen is not None
    assert seen.n > 1000
    assert seen.low > 0.35
    dull = rate([text_facts(of_row(row), CARD, SETTINGS).dullness > 0.5 for row in rows])
    assert dull is not None
    assert dull.high < 0.01


@pytest.mark.parametrize(
    "wrong",
    [{"shortest": 0}, {"shortest": 80}, {"stock": (0.9, 0.4)}, {"parroted": (0.0, 1.5)}],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(PairingError):
        PenaltySettings(**wrong)  # type: ignore[arg-type]
