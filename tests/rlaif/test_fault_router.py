"""A wrong fact is told from a wrong tone, and becomes a sentence for the card."""

from dataclasses import replace

import pytest

from persona.card import SHIPPED_CARD, load_card
from persona.estimates import rate
from rlaif.fact_sentence import fact_sentence
from rlaif.fault_features import FaultCase
from rlaif.fault_router import Route, route_fault
from tests.rlaif.labelled import DEVELOPMENT, MEASURED, read_faults

KNOWN = load_card(SHIPPED_CARD).facts


def _route(user: str, reply: str, corrected: str = "", note: str = "") -> Route:
    case = FaultCase(
        user=user, reply=reply, corrected=corrected, note=note, known=KNOWN, name="絢音"
    )
    return route_fault(case)


def test_nine_of_ten_labelled_faults_take_the_right_way() -> None:
    faults = read_faults(MEASURED)
    labels = [fault.label for fault in faults]
    assert (labels.count("fact"), labels.count("style")) == (50, 50)

    right = rate([route_fault(fault.case).kind == fault.label for fault in faults])

    assert right is not None
    assert right.value >= 0.9
    assert right.low > 0.8


def test_the_measured_faults_are_none_of_those_it_was_developed_on() -> None:
    measured = {(one.case.reply, one.case.corrected) for one in read_faults(MEASURED)}
    developed = {(one.case.reply, one.case.corrected) for one in read_faults(DEVELOPMENT)}
    assert len(measured) == 100
    assert len(developed) >= 100
    assert not measured & developed


@pytest.mark.parametrize("label", ["fact", "style"])
def test_each_kind_by_itself_is_seen_in_nine_of_ten(label: str) -> None:
    faults = [one for one in read_faults(MEASURED) if one.label == label]
    assert sum(route_fault(one.case).kind == label for one in faults) >= 0.9 * len(faults)


def test_what_the_card_says_already_is_named_and_not_proposed_again() -> None:
    route = _route("おいくつ？", "十六歳ですの。", "十七歳ですの。")
    assert (route.kind, route.agrees, route.sentence) == ("fact", "絢音の年齢は17歳である。", None)


def test_what_the_card_does_not_say_becomes_a_sentence_of_it() -> None:
    route = _route("好きな色は？", "さあ、わかりませんわ。", "藤色ですの。")
    assert (route.kind, route.agrees) == ("fact", None)
    assert route.sentence == "絢音の好きな色は藤色である。"


def test_a_correction_against_the_card_names_the_fact_it_would_replace() -> None:
    route = _route("年齢は？", "十六歳ですの。", "十八歳ですの。")
    assert (route.kind, route.replaces) == ("fact", "絢音の年齢は17歳である。")


def test_the_same_fact_in_better_words_is_style() -> None:
    route = _route("歳はいくつ？", "17歳だよ。", "十七歳ですの。")
    assert (route.kind, route.sentence, route.agrees) == ("style", None, None)


def test_a_note_alone_is_enough() -> None:
    assert _route("疲れた", "そうですの。", note="冷たい。もっと優しく").kind == "style"
    fact = _route("お兄様は？", "兄はロシアですの。", note="間違い。兄はアメリカに留学している")
    assert fact.kind == "fact"
    assert fact.agrees == "絢音の兄はアメリカに留学している。"


def test_certainty_is_the_probability_of_the_kind() -> None:
    fact = _route("おいくつ？", "十六歳ですの。", "十七歳ですの。")
    style = _route("疲れた", "そうですか。", "まあ、お疲れさまですわ。ゆっくりお休みなさいませ。")
    assert 0.4 <= fact.certainty <= 1
    assert 0.6 <= style.certainty <= 1


def test_a_persona_without_facts_and_an_empty_note_are_no_hindrance() -> None:
    bare = FaultCase(user="", reply="", corrected="十七歳ですの。")
    assert route_fault(bare) == route_fault(replace(bare))
    assert route_fault(bare).agrees is None


@pytest.mark.parametrize(
    ("corrected", "asked", "sentence"),
    [
        ("藤色ですわ。", "好きな色は？", "絢音の好きな色は藤色である。"),
        ("いいえ、両親は不動産業を営んでおりますの。", "", "絢音の両親は不動産業を営んでいる。"),
        (
            "ボストンで海洋学を学んでおりますの。",
            "お兄さんは？",
            "絢音の兄はボストンで海洋学を学んでいる。",
        ),
        ("わたくし、毎朝紅茶を飲みますの。", "", "絢音は毎朝紅茶を飲む。"),
        ("毎晩日記を書きましたわ。", "", "絢音は毎晩日記を書いた。"),
        ("いつも窓辺で勉強しますの。", "", "絢音はいつも窓辺で勉強する。"),
        ("いつも真帆のお店で買いますの。", "", "絢音はいつも真帆のお店で買う。"),
        ("毎朝五時半に起きますの。", "", "絢音は毎朝五時半に起きる。"),
        ("あなたはどう思われます？", "好きな色は？", None),
        ("冷たいですわ。", "スープは？", None),
    ],
)
def test_a_correction_in_her_voice_becomes_a_sentence_of_the_card(
    corrected: str, asked: str, sentence: str | None
) -> None:
    assert fact_sentence(corrected, asked, "絢音") == sentence
