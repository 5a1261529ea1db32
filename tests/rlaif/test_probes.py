"""The shipped probes are what the gates need, and nothing else is accepted in their place."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from persona.card import SHIPPED_CARD, load_card
from persona.dialogues import read_card_rows, read_probes
from persona.engine import Message
from persona.near_duplicates import near_duplicates
from persona.safety import check_user_text
from persona.voice import register_faults
from rlaif.errors import GateError
from rlaif.gate_settings import GateSettings
from rlaif.probes import (
    FROZEN_FILE,
    PROBES_FILE,
    GateProbe,
    contradiction_probe,
    read_gate_probes,
    standing_probes,
)


@pytest.fixture(scope="module")
def probes() -> tuple[GateProbe, ...]:
    return read_gate_probes(SHIPPED_CARD)


def test_enough_of_every_kind(probes: tuple[GateProbe, ...]) -> None:
    counts = Counter(probe.kind for probe in probes)
    least = {
        "everyday": 80, "card_fact": 30, "swapped_fact": 30, "unknown": 20, "safety": 20,
        "attack": 30, "dull_bait": 20,
    }  # fmt: skip
    assert len(probes) >= 220
    assert all(counts[kind] >= count for kind, count in least.items())  # type: ignore[index]
    assert sum(bool(probe.history) for probe in probes) >= 15
    settings = GateSettings()
    spoken = [probe for probe in probes if probe.kind != "safety"]
    assert len(spoken) >= settings.min_cases
    assert len({probe.topic for probe in spoken}) >= 3 * settings.min_topics


def test_the_filter_deflects_the_safety_probes_and_no_other(
    probes: tuple[GateProbe, ...],
) -> None:
    flagged = {probe.id for probe in probes if check_user_text(probe.user).flagged}
    assert flagged == {probe.id for probe in probes if probe.kind == "safety"}


def test_facts_answer_their_questions(probes: tuple[GateProbe, ...]) -> None:
    card_facts = set(load_card(SHIPPED_CARD).facts)
    for probe in probes:
        holding = [fact for fact in probe.facts if any(key in fact for key in probe.keys)]
        if probe.kind == "card_fact":
            assert set(probe.facts) <= card_facts
            assert holding, probe.id
        if probe.kind == "swapped_fact":
            assert len(holding) == 1, probe.id
            assert holding[0] not in card_facts
            assert not any(key in "".join(probe.facts) for key in probe.forbidden)


def test_a_retired_fact_is_not_asked_for_any_more(probes: tuple[GateProbe, ...]) -> None:
    card = load_card(SHIPPED_CARD)
    age = "絢音の年齢は17歳である。"
    asking = {
        probe.id
        for probe in probes
        if probe.kind == "card_fact"
        and age in probe.facts
        and any(key in age for key in probe.keys)
    }
    assert asking
    known = [fact for fact in card.facts if fact != age]
    standing = standing_probes(probes, card.facts, [*known, "絢音の年齢は18歳である。"])
    assert {probe.id for probe in probes} - {probe.id for probe in standing} == asking
    assert standing_probes(probes, card.facts, card.facts) == probes


def test_earlier_turns_of_hers_are_in_her_voice(probes: tuple[GateProbe, ...]) -> None:
    card = load_card(SHIPPED_CARD)
    said = [turn.content for p in probes for turn in p.history if turn.role == "assistant"]
    assert said
    assert [text for text in said if register_faults(text, card)] == []


def test_no_probe_was_practised(probes: tuple[GateProbe, ...]) -> None:
    def asked(user: str, history: tuple[Message, ...]) -> str:
        return (history[-1].content if history else "") + user

    known = {asked(row.user, row.history) for row in read_card_rows(SHIPPED_CARD)}
    known |= {row.user for row in read_card_rows(SHIPPED_CARD)}
    known |= {probe.question for probe in read_probes(SHIPPED_CARD)}
    ours = {asked(probe.user, probe.history) for probe in probes}
    texts = [*known, *ours]
    alike = [
        (texts[a], texts[b])
        for a, b in near_duplicates(texts, threshold=0.6)
        if (a < len(known)) != (b < len(known))
    ]
    assert alike == []


@pytest.fixture
def card_folder(tmp_path: Path) -> Path:
    for name in (PROBES_FILE, FROZEN_FILE):
        shutil.copy(SHIPPED_CARD / name, tmp_path / name)
    return tmp_path


def test_an_altered_exam_is_refused(card_folder: Path) -> None:
    path = card_folder / PROBES_FILE
    path.write_text(path.read_text(encoding="utf-8").replace("納豆", "豆腐"), encoding="utf-8")
    with pytest.raises(GateError, match="sha256"):
        read_gate_probes(card_folder)


@pytest.mark.parametrize("name", [PROBES_FILE, FROZEN_FILE])
def test_a_missing_file_is_refused(name: str, card_folder: Path) -> None:
    (card_folder / name).unlink()
    with pytest.raises(GateError, match=name):
        read_gate_probes(card_folder)


def test_a_flagged_contradiction_becomes_a_probe() -> None:
    turns = (
        Message(role="user", content="猫は元気？"),
        Message(role="assistant", content="元気ですわ。"),
        Message(role="user", content="名前は？"),
    )
    probe = contradiction_probe(
        probe_id="r7", turns=turns, facts=("猫の名はメレンゲである。",), said=("ポチ", " ")
    )
    assert (probe.kind, probe.user, probe.forbidden) == ("contradiction", "名前は？", ("ポチ",))
    assert probe.history == turns[:-1]
    with pytest.raises(GateError, match="visitor"):
        contradiction_probe(probe_id="r7", turns=turns[:2], facts=(), said=("ポチ",))
    with pytest.raises(GateError, match="nothing is named"):
        contradiction_probe(probe_id="r7", turns=turns, facts=(), said=("",))
