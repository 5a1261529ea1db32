"""Emotion words of a list that the user brings, and where a text holds them.

The list is a CSV in the layout of JIWC: a word and seven figures of 0 or more a line. It is looked
for as it is written; nothing is inflected or segmented.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from persona.importers.tables import read_csv_records
from rlaif.errors import WordListError

WORD_COLUMN = "Words"
EMOTIONS = ("Sadness", "Anxiety", "Anger", "Disgust", "Trust", "Surprise", "Joy")
_LAYOUT = ",".join((WORD_COLUMN, *EMOTIONS))
_ONE_KANA = re.compile("[ぁ-んァ-ヶー]")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmotionWords:
    """Words with a figure above 0 for at least one emotion. neutral: how many lines had none;
    too_short: how many are a single kana, which stands in every text and says nothing."""

    words: frozenset[str]
    neutral: int
    too_short: int

    def marks(self, text: str) -> tuple[bool, ...]:
        """Which characters belong to a word of the list: the longest word from the left, then on."""
        longest = max(map(len, self.words), default=0)
        marked = [False] * len(text)
        at = 0
        while at < len(text):
            size = next((n for n in range(longest, 0, -1) if text[at : at + n] in self.words), 0)
            marked[at : at + size] = [True] * size
            at += size or 1
        return tuple(marked)


def read_emotion_words(path: Path) -> EmotionWords:
    """Read a list strictly. Raises DataError for no CSV or missing columns, WordListError else."""
    figures: dict[str, Sequence[float]] = {}
    for number, row in read_csv_records(path, WORD_COLUMN, *EMOTIONS):
        word = row.get(WORD_COLUMN, "").strip()
        if not word:
            raise WordListError(
                f"{path} line {number} has no word; expected lines of {_LAYOUT}; correct it"
            )
        if word in figures:
            raise WordListError(
                f"{path} line {number} holds {word!r} a second time; expected each word once; "
                "remove one of the two"
            )
        figures[word] = [_figure(path, number, name, row.get(name)) for name in EMOTIONS]
    felt = {word for word, own in figures.items() if any(own)}
    short = {word for word in felt if _ONE_KANA.fullmatch(word)}
    if not felt - short:
        raise WordListError(
            f"{path} holds no emotion word; expected lines of {_LAYOUT} with a figure above 0; "
            "choose another file"
        )
    return EmotionWords(
        words=frozenset(felt - short), neutral=len(figures) - len(felt), too_short=len(short)
    )


def _figure(path: Path, number: int, name: str, cell: str | None) -> float:
    try:
        value = float(cell or "")
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise WordListError(
            f"{path} line {number}: {name} is {cell!r}; expected a number of 0 or more; correct it"
        )
    return value
