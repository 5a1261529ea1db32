"""Search in Japanese without knowing its words: every two neighbouring characters are a word.

SQLite searches them with FTS5, PostgreSQL as a tsvector; both know where in a text each one stands,
so that a longer query is found only as a whole.
"""

import unicodedata
from collections.abc import Iterator

from store.japanese_search import fold

# Where the Unicode of SQLite's tokenizer and Python's differ about what is a space.
_ALSO_SPACES = frozenset("\u180e")


def sqlite_words(*texts: str) -> str:
    """Return what the full-text table stores of texts that were folded."""
    return " ".join(word for text in texts for run in _runs(text) for word in _pairs(run))


def postgres_words(*texts: str) -> str:
    """Return the same as the literal of a tsvector, with single characters besides."""
    literals: list[str] = []
    place = 0
    for text in texts:
        for run in _runs(text):
            for pair in _pairs(run):
                place += 1
                literals += [f"{_quoted(one)}:{place}" for one in {pair, pair[0]}]
    return " ".join(literals)


def sqlite_query(text: str) -> str:
    """Return the MATCH expression that finds all words of `text`; empty when there are none."""
    return " ".join(
        '"' + " ".join(_pairs_within(run)).replace('"', '""') + '"' + ("*" if len(run) == 1 else "")
        for run in _runs(fold(text))
    )


def postgres_query(text: str) -> str:
    """Return the same as the literal of a tsquery."""
    return " & ".join(
        "(" + " <-> ".join(_quoted(pair) for pair in _pairs_within(run)) + ")"
        for run in _runs(fold(text))
    )


def _runs(folded: str) -> Iterator[str]:
    """Yield what stands between spaces and characters without a shape."""
    run = ""
    for character in folded:
        if unicodedata.category(character)[0] in "ZC" or character in _ALSO_SPACES:
            if run:
                yield run
            run = ""
        else:
            run += character
    if run:
        yield run


def _pairs(run: str) -> list[str]:
    """Return the pairs of a text; its last character stands alone, for queries of one character."""
    return [run[at : at + 2] for at in range(len(run))]


def _pairs_within(run: str) -> list[str]:
    """Return the pairs of a query, which may go on in the text."""
    return [run] if len(run) == 1 else _pairs(run)[:-1]


def _quoted(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"
