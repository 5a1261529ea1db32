"""Folding of Japanese text so that a search finds what a reader would call the same word."""

import unicodedata

_KATAKANA_TO_HIRAGANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}
_HALF_WIDTH_MARKS = "ﾞﾟ"
_SNIPPET_REACH = 18


def fold(text: str) -> str:
    """Return `text` with width, case and kana script folded: ﾊﾟﾘ, パリ and ぱり become one."""
    return fold_with_offsets(text)[0]


def fold_with_offsets(text: str) -> tuple[str, list[int]]:
    """Return the folded text and, for each of its characters, the index it came from."""
    folded: list[str] = []
    offsets: list[int] = []
    for start, cluster in _clusters(text):
        plain = unicodedata.normalize("NFKC", cluster).casefold().translate(_KATAKANA_TO_HIRAGANA)
        folded.append(plain)
        offsets.extend([start] * len(plain))
    return "".join(folded), offsets


def like_pattern(query: str) -> str:
    """Return a LIKE pattern, escaped with a backslash, that matches the folded query anywhere."""
    folded = fold(query)
    escaped = folded.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def snippet(text: str, query: str) -> str | None:
    """Return the surroundings of the first hit in one line, or None when there is none."""
    folded, offsets = fold_with_offsets(text)
    wanted = fold(query)
    at = folded.find(wanted) if wanted else -1
    if at < 0:
        return None
    first, last = offsets[at], offsets[at + len(wanted) - 1]
    start, end = max(0, first - _SNIPPET_REACH), min(len(text), last + 1 + _SNIPPET_REACH)
    body = " ".join(text[start:end].split())
    return f"{'…' if start else ''}{body}{'…' if end < len(text) else ''}"


def _clusters(text: str) -> list[tuple[int, str]]:
    """Split so that a base character keeps the marks that NFKC would merge into it."""
    clusters: list[tuple[int, str]] = []
    for index, character in enumerate(text):
        joins = character in _HALF_WIDTH_MARKS or unicodedata.combining(character)
        if joins and clusters:
            start, before = clusters[-1]
            clusters[-1] = (start, before + character)
        else:
            clusters.append((index, character))
    return clusters
