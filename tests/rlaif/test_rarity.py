"""Rare is what the others do not say."""

import math

import pytest

from rlaif.rarity import grams, jaccard, letters, rarity_by_grams


def test_letters_fold_width_and_drop_marks() -> None:
    assert letters("ＡＢ、ｶﾞ！ 12…") == "abガ12"


def test_grams_and_likeness() -> None:
    assert grams("あいうえ", 3) == {"あいう", "いうえ"}
    assert grams("あ", 3) == {"あ"}
    assert grams("。", 3) == frozenset()
    assert jaccard(grams("あいう", 2), grams("いうえ", 2)) == pytest.approx(1 / 3)
    assert jaccard(frozenset(), frozenset()) == 1.0


def test_what_all_say_has_no_surprise() -> None:
    # あいう stands in 3 of 4 texts, かきく in 1 of 4: log2(4/3) and 2 bits.
    found = rarity_by_grams({"a": "あいう", "b": "あいう", "c": "あいう。", "d": "かきく"})
    assert found["a"] == found["b"] == found["c"] == pytest.approx(math.log2(4 / 3))
    assert found["d"] == pytest.approx(2.0)
    assert rarity_by_grams({"only": "あいう", "empty": "！"})["empty"] == 0.0
