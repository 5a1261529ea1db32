"""Rare is what the others do not say."""

import numpy as np
import pytest

from rlaif.rarity import grams, jaccard, letters, rarity_by_grams, rarity_by_vectors


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
    assert found["a"] == found["b"] == found["c"] == pytest.approx(np.log2(4 / 3))
    assert found["d"] == pytest.approx(2.0)
    assert rarity_by_grams({"only": "あいう", "empty": "！"})["empty"] == 0.0


def test_vectors_far_from_the_others_are_rare() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    found = rarity_by_vectors(["a", "b", "c"], vectors)
    assert found == pytest.approx({"a": 0.5, "b": 0.5, "c": 1.0})
    assert rarity_by_vectors(["a"], vectors[:1]) == {"a": 0.0}
    with pytest.raises(ValueError, match="2 ids for 3 vectors"):
        rarity_by_vectors(["a", "b"], vectors)
