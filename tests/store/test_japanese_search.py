"""Folding, patterns and snippets."""

import pytest

from store.japanese_search import fold, fold_with_offsets, like_pattern, snippet


@pytest.mark.parametrize(
    ("one", "other"),
    [("ﾊﾟﾘ", "パリ"), ("パリ", "ぱり"), ("ＡＢＣ", "abc"), ("か\u3099", "が"), ("①", "1")],
)
def test_what_readers_call_the_same_folds_to_the_same(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_offsets_point_at_the_source() -> None:
    # ㍿ becomes four characters that all come from index 1; ﾊﾟ is one character from index 2.
    assert fold_with_offsets("a㍿ﾊﾟb") == ("a株式会社ぱb", [0, 1, 1, 1, 1, 2, 4])


def test_patterns_are_escaped() -> None:
    assert like_pattern("50%_\\") == "%50\\%\\_\\\\%"


def test_snippet_surrounds_the_hit_in_one_line() -> None:
    text = "あ" * 30 + "\nパリ\n" + "い" * 30
    assert snippet(text, "ぱり") == "…" + "あ" * 17 + " パリ " + "い" * 17 + "…"
    assert snippet("パリ", "ﾊﾟﾘ") == "パリ"
    assert snippet("パリ", "ロンドン") is None
    assert snippet("パリ", "") is None
