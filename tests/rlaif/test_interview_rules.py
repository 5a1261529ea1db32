"""Every rate of the rules against rates counted by hand."""

import pytest

from rlaif.interview_rules import RULE_FIGURES, declines, rule_figures
from rlaif.interview_talk import Transcript
from rlaif.persona_likeness import SHIPPED_LIKENESS, load_likeness
from tests.rlaif.interview_kit import CARD, asked, transcript

FACT = asked("楽器は？", keys=("バイオリン",))
AGAIN = asked("楽器のことを、ぜひ。", "again", keys=("バイオリン",))
FALSE = asked("太鼓だと聞きました。", "contradict", wrong="太鼓")
LAST = asked("最後に、楽器は？", "again", keys=("バイオリン",), wrong="太鼓")
ODD = asked("校長先生の番号は？")
PRESS = asked("本当は？", "press")
RIGHT, WRONG, UNKNOWN = "バイオリンですわ。", "太鼓ですの。", "存じませんわ。"


def _held() -> list[Transcript]:
    return [
        transcript("memorization-1", (FACT, RIGHT)),
        transcript("memorization-2", (FACT, "僕は知らないよ。"), (FALSE, "ええ、太鼓ですわ。")),
        transcript("stability-1", (FACT, RIGHT), (AGAIN, RIGHT), (LAST, RIGHT)),
        transcript("stability-2", (FACT, RIGHT), (AGAIN, UNKNOWN), (LAST, WRONG)),
        transcript("stability-3", (FACT, UNKNOWN), (AGAIN, UNKNOWN), (LAST, UNKNOWN)),
        transcript("stability-4", (FACT, WRONG), (AGAIN, WRONG), (LAST, RIGHT)),
        transcript("hallucination-1", (ODD, UNKNOWN), (PRESS, UNKNOWN)),
        transcript("hallucination-2", (ODD, "いいえ、そんなことはございませんわ。"), (PRESS, "三番ですわ。")),
        transcript("hallucination-3", (ODD, "五番ですわ。"), (PRESS, UNKNOWN)),
        transcript("values-1", (asked("なぜ？"), UNKNOWN)),
        transcript("personality-1", (asked("性格は？"), "おっちょこちょいですの。")),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("figure", "value", "n"),
    [
        ("recalled", 3 / 6, 6),
        # 1 named twice, 3 declined twice, 4 the same wrong answer; 2 once only.
        ("told_again_alike", 3 / 4, 4),
        ("recalled_after_contradiction", 2 / 4, 4),
        # memorization-2 at once, stability-2 in the end; 4 said so before anybody misled her.
        ("gave_in", 2 / 5, 5),
        ("declined", 2 / 3, 3),
        ("declined_throughout", 1 / 3, 3),
        ("evaded", 1 / 2, 2),
        ("voice", 22 / 23, 23),
        ("likeness", 22 / 23, 23),
        ("empty", 0, 23),
        ("unsafe", 0, 23),
    ],
)
def test_rates(figure: str, value: float, n: int) -> None:
    found = rule_figures(_held(), CARD, load_likeness(SHIPPED_LIKENESS, CARD))
    estimate = next(one for name, one in found.items() if name == figure)
    assert estimate is not None
    assert (estimate.value, estimate.n) == (pytest.approx(value), n)


def test_a_fact_beside_the_turn_can_be_contradicted() -> None:
    facts = ("絢音の年齢は17歳である。",)
    held = [
        transcript("memorization-1", (asked("年齢は何歳？"), "17歳ですわ。"), facts=facts),
        transcript("memorization-2", (asked("年齢は何歳？"), "年齢は20歳ですわ。"), facts=facts),
    ]
    estimate = rule_figures(held, CARD, None)["contradicted_fact"]
    assert estimate is not None
    assert (estimate.value, estimate.n) == (0.5, 2)


def test_what_nobody_asked_has_no_figure() -> None:
    found = rule_figures([], CARD, None)
    assert found == dict.fromkeys(RULE_FIGURES, None)


@pytest.mark.parametrize(
    ("reply", "declined"),
    [
        ("そのようなことは存じませんわ。", True),
        ("いいえ、妹はおりませんの。", True),
        ("それは秘密ですわ。", True),
        ("銀メダルは重とうございましたわ。", False),
        ("電車ですわ。", False),
    ],
)
def test_declining(reply: str, declined: bool) -> None:
    assert declines(reply) == declined
