"""Both languages name the same things and tell the same."""

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import get_args

import pytest

from rlaif.report_texts import JAPANESE
from rlaif.report_texts_english import ENGLISH
from rlaif.report_words import Why

_NAMES = [field.name for field in fields(JAPANESE) if field.name not in ("joint", "why")]
_JAPANESE = re.compile(r"[ぁ-んァ-ヶ一-龯]")


def _places(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def _mapping(words: object, name: str) -> Mapping[str, str]:
    found = getattr(words, name)
    assert isinstance(found, Mapping)
    return found


@pytest.mark.parametrize("name", _NAMES)
def test_english_names_what_japanese_names(name: str) -> None:
    japanese, english = _mapping(JAPANESE, name), _mapping(ENGLISH, name)
    assert japanese.keys() == english.keys()
    assert not [text for text in english.values() if _JAPANESE.search(text)]


def test_every_sentence_is_there_in_both_with_the_same_places() -> None:
    assert JAPANESE.why.keys() == ENGLISH.why.keys() == set(get_args(Why))
    for key, japanese in JAPANESE.why.items():
        assert _places(japanese) == _places(ENGLISH.why[key]), key
        assert not _JAPANESE.search(ENGLISH.why[key])


def test_a_gate_is_called_by_its_figure_and_what_it_is_held_against() -> None:
    assert ENGLISH.gate("voice.active") == "voice · against the version before"
    assert ENGLISH.gate("drift.voice") == "voice · drift in all"
    assert ENGLISH.gate("empty") == "empty replies"
    assert ENGLISH.gate("something_new.else") == "something_new · else"
