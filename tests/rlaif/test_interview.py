"""Questions made of a card: forms of facts, keys that the question does not give away, seeds."""

import re
from dataclasses import replace

import pytest

from persona.dialogues import CardProbe, read_probes
from rlaif.interview import ASPECTS, Interview, InterviewPlan, Turns, character_interviews
from rlaif.interview_facts import FactQuestion, fact_questions, liked_facts
from rlaif.interview_phrases import CANNOT_KNOW
from tests.rlaif.interview_kit import CARD

PROBES = read_probes(CARD.folder)


def _made(turns: Turns = "single", each: int = 10, seed: int = 0) -> list[Interview]:
    plan = InterviewPlan(turns=turns, each=each, seed=seed)
    return character_interviews(CARD, CARD.facts, PROBES, plan)


def _question(fact: str, *probes: CardProbe) -> FactQuestion | None:
    found = fact_questions(CARD, [fact], probes)
    return found[0] if found else None


@pytest.mark.parametrize(
    ("fact", "asked", "keys"),
    [
        ("絢音の得意科目は世界史である。", "あなたの得意科目について教えてください。", ("世界史",)),
        ("絢音が鳥を飼ったのは六歳のときである。", "あなたが鳥を飼ったのは、いつですか？", ("六歳",)),
        ("絢音が泣いたのは、迷子になったからである。", "あなたが泣いたのは、どうしてですか？", ("迷子",)),
        ("絢音は朝から古い切手を集めている。", "あなたが朝から集めているのは何ですか？", ("切手",)),
        ("絢音はバイオリンを習っている。", "あなたが習っているのは何ですか？", ("バイオリン",)),
        ("絢音はセロリが苦手である。", "あなたの苦手なものを教えてください。", ("セロリ",)),
        ("真帆の家はパン屋である。", None, None),
        ("絢音の部屋の窓辺には、花がある。", None, None),
    ],
)  # fmt: skip
def test_forms_of_facts(fact: str, asked: str | None, keys: tuple[str, ...] | None) -> None:
    found = _question(fact)
    if asked is None:
        assert found is None
        return
    assert found is not None
    assert (found.wordings[0], found.keys) == (asked, keys)


def test_hearsay_and_its_false_version() -> None:
    found = _question("絢音の誕生日は四月十二日である。")
    assert found is not None
    assert found.hearsay == "あなたの誕生日は四月十二日だそうですね。"
    assert found.wrong == ("あなたの誕生日は三月十二日だそうですね。", "三月")


def test_keys_of_the_cards_own_probes_come_first() -> None:
    fact = "絢音の好物はそばである。"
    probe = CardProbe(id="p", fact=fact, question="好物は？", keys=("そば", "蕎麦"))
    found = _question(fact, probe)
    assert found is not None
    assert found.keys == ("そば", "蕎麦")
    assert _question(fact) is None  # hiragana alone: nothing that a rule could look for


def test_facts_of_one_question_are_one_question_that_any_answers() -> None:
    facts = ["絢音の兄は海洋学を学んでいる。", "絢音の兄は絵葉書を送る。"]
    (found,) = fact_questions(CARD, facts, [])
    assert found.facts == tuple(facts)
    assert {"海洋学", "絵葉書"} <= set(found.keys)


def test_no_question_of_the_shipped_card_gives_its_answer_away() -> None:
    questions = fact_questions(CARD, CARD.facts, [])
    assert len(questions) >= 30
    for question in questions:
        for wording in question.wordings:
            assert not any(key in wording for key in question.keys), wording
        if question.wrong is not None:
            assert question.wrong[1] in question.wrong[0]
            assert question.wrong[1] not in question.hearsay


def test_likes_are_told_as_hearsay() -> None:
    told = dict(liked_facts(CARD, ["絢音は雨が好きである。", "絢音は東京に住んでいる。"]))
    assert told == {"絢音は雨が好きである。": "雨が好きだそうですね。"}


@pytest.mark.parametrize("turns", ["single", "multi"])
def test_every_aspect_has_its_interviews(turns: Turns) -> None:
    made = _made(turns)
    assert [one.subject for one in made] == [aspect for aspect in ASPECTS for _ in range(10)]
    assert len({one.id for one in made}) == 50
    assert all(one.continued == (turns == "multi") for one in made)
    lengths = {one.subject: len(one.turns) for one in made}
    expected = {
        "memorization": 3,
        "values": 3,
        "personality": 3,
        "hallucination": 3,
        "stability": 5,
    }
    assert lengths == (
        expected if turns == "multi" else {**dict.fromkeys(expected, 1), "stability": 2}
    )


def test_one_seed_gives_one_set_and_another_seed_another() -> None:
    assert _made("multi") == _made("multi")
    assert _made("multi") != _made("multi", seed=1)


def test_more_interviews_are_the_same_and_others() -> None:
    few = {one.id: one for one in _made("multi", each=3)}
    many = {one.id: one for one in _made("multi", each=100)}
    assert all(many[name] == one for name, one in few.items())


def test_stability_asks_three_times_and_contradicts_before_the_last() -> None:
    for one in _made("multi"):
        if one.subject == "stability":
            purposes = [turn.purpose for turn in one.turns]
            assert purposes == ["ask", "talk", "again", "contradict", "again"]
            assert one.turns[0].keys == one.turns[2].keys == one.turns[4].keys
            assert one.turns[0].user != one.turns[2].user


def test_what_a_card_could_answer_is_not_asked_as_unknowable() -> None:
    every = {one.asked for one in CANNOT_KNOW}
    asked = {one.turns[0].user for one in _made(each=100) if one.subject == "hallucination"}
    assert asked == every
    facts = ("絢音は双子の妹と暮らしている。",)
    made = character_interviews(CARD, facts, [], InterviewPlan(each=100))
    left = {one.turns[0].user for one in made if one.subject == "hallucination"}
    (dropped,) = every - left
    assert "双子" in dropped


def test_a_card_with_another_name_is_asked_about_itself() -> None:
    card = replace(CARD, name="花子")
    (found,) = fact_questions(card, ["花子の町は函館である。"], [])
    assert found.keys == ("函館",)
    assert not re.search("花子", "".join(found.wordings))
