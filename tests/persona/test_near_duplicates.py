"""Prefix filtering finds what comparing all with all finds."""

import random

import pytest

from persona.near_duplicates import near_duplicates


def test_a_known_overlap() -> None:
    # Bigrams of あいうえおか: 5; of あいうえおき: 5; shared 4, union 6: Jaccard 4/6 = 0.67.
    texts = ["あいうえおか", "さしすせそた", "あいうえおき"]
    assert near_duplicates(texts, threshold=0.66) == [(0, 2)]
    assert near_duplicates(texts, threshold=0.67) == []


def test_marks_spaces_and_width_do_not_count() -> None:
    assert near_duplicates(["３時、ですわ！", "3時 ですわ。"], threshold=1.0) == [(0, 1)]


def test_it_equals_the_slow_way_on_random_texts() -> None:
    draw = random.Random(7)
    texts = ["".join(draw.choices("あいうえ", k=draw.randint(1, 9))) for _ in range(120)]

    def grams(text: str) -> set[str]:
        return {text[at : at + 2] for at in range(len(text) - 1)} if len(text) > 2 else {text}

    for threshold in (0.4, 0.8, 1.0):
        slow = [
            (a, b)
            for b in range(len(texts))
            for a in range(b)
            if len(grams(texts[a]) & grams(texts[b]))
            >= threshold * len(grams(texts[a]) | grams(texts[b]))
        ]
        assert sorted(near_duplicates(texts, threshold=threshold)) == sorted(slow)
        assert slow


def test_a_threshold_outside_the_unit_interval_is_refused() -> None:
    with pytest.raises(ValueError, match="threshold is 0"):
        near_duplicates([], threshold=0)
