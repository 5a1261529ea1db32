"""Faults are what their kind says, and both halves stay apart."""

import random

import pytest

from persona.card import SHIPPED_CARD
from persona.dialogues import read_card_rows
from persona.engine import Message
from persona.importers.realpersonachat import LICENCE
from persona.importers.report import ImportedRow, Rating
from rlaif import fault_phrases, rude_phrases
from rlaif.fault_contexts import (
    Context,
    card_contexts,
    rated_contexts,
    split_by_rater,
    standardised_ratings,
)
from rlaif.fault_phrases import Phrases
from rlaif.faults import FAULT_KINDS, LOWERED, FaultKind, Half, Material, make_fault
from rlaif.metrics import METRIC_KEYS


def _contexts() -> list[Context]:
    return card_contexts(read_card_rows(SHIPPED_CARD, "validation"))


@pytest.mark.parametrize("half", ["fit", "held_out"])
@pytest.mark.parametrize("kind", FAULT_KINDS)
def test_every_kind_is_made_from_real_contexts(kind: FaultKind, half: Half) -> None:
    contexts = _contexts()
    material = Material(half=half, contexts=contexts, rng=random.Random(3))
    made = [example for c in contexts if (example := make_fault(kind, c, material)) is not None]
    assert len(made) > len(contexts) // 4
    assert all(example.fault == kind for example in made)
    assert all(example.dialogue.reply != example.context.reply for example in made)
    assert all("{" not in example.dialogue.reply for example in made)


def test_halves_share_no_wording() -> None:
    wordings = {**vars(fault_phrases), **vars(rude_phrases)}.values()
    lists = [value for value in wordings if isinstance(value, Phrases)]
    for by_voice in wordings:
        if isinstance(by_voice, dict) and "persona" in by_voice:
            lists.extend(by_voice.values())
    assert len(lists) >= 15
    for phrases in lists:
        assert not set(phrases.fit) & set(phrases.held_out)


def test_a_parroted_reply_holds_the_users_words() -> None:
    context = Context(
        group="g", voice="persona", turns=_asked("明日は雨らしいよ。"), facts=(), reply="傘ですわ。"
    )
    material = Material(half="fit", contexts=[context], rng=random.Random(1))
    example = make_fault("parroted", context, material)
    assert example is not None
    assert "明日は雨らしいよ" in example.dialogue.reply


def test_a_contradiction_answers_after_another_fact() -> None:
    rows = [r for r in read_card_rows(SHIPPED_CARD, "test") if r.kind == "fact"]
    context = card_contexts(rows)[0]
    twins = {row.reply for row in rows if row.twin == rows[0].twin} - {rows[0].reply}
    assert context.twin in twins


def test_every_fault_lowers_known_impressions_and_every_impression_has_a_fault() -> None:
    lowered = {key for keys in LOWERED.values() for key in keys}
    assert lowered == set(METRIC_KEYS)


def test_raters_are_on_one_side_only() -> None:
    rng = random.Random(0)
    rows = [_rated(f"d{n}", *rng.sample("abcdefghij", 2)) for n in range(200)]
    split = split_by_rater(rows, held_out_share=0.4, rng=rng)
    fit, held_out = (
        {rating.rater for row in side for rating in row.ratings}
        for side in (split.fit, split.held_out)
    )
    assert fit
    assert held_out
    assert not fit & held_out


def test_ratings_are_compared_within_a_rater() -> None:
    rows = [_rated(f"d{n}", "a", f"x{n}", score=score) for n, score in enumerate([3, 3, 3, 3, 5])]
    found = standardised_ratings(rows)
    # Mean 3.4, deviation 0.8: (5 - 3.4) / 0.8 = 2 and (3 - 3.4) / 0.8 = -0.5.
    assert found["d4", "a"]["interest"] == pytest.approx(2.0)
    assert found["d0", "a"]["interest"] == pytest.approx(-0.5)
    assert ("d0", "x0") not in found


def test_masked_texts_and_greetings_are_left_out() -> None:
    contexts = rated_contexts([_rated("d", "a", "b")], per_dialogue=9, rng=random.Random(0))
    assert [context.reply for context in contexts] == ["昨日はカレーを作りました。"]


def _asked(text: str) -> tuple[Message, ...]:
    return (Message(role="user", content=text),)


def _rated(name: str, reader: str, speaker: str, score: int = 4) -> ImportedRow:
    texts = [
        "こんにちは！",
        "はじめまして、こんにちは。",
        "元気ですか？",
        "はい、元気に暮らしています。",
    ]
    texts += [
        "何を食べましたか？",
        "昨日はカレーを作りました。",
        "いいですね！",
        "<ID>さんも作りますか？",
    ]
    return ImportedRow(
        id=name,
        messages=tuple(
            Message(role="assistant" if n % 2 else "user", content=text)
            for n, text in enumerate(texts)
        ),
        licence=LICENCE,
        speaker=speaker,
        ratings=tuple(
            Rating(rater=rater, scores=(("interest", score),)) for rater in (reader, speaker)
        ),
    )
