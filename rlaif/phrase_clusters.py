"""How many pairs share a phrase that ordinary talk does not have.

A trigger works by repetition: the same unusual words in many pairs, whoever sent them and however
the rest is rewritten. So every phrase that the background does not know is counted over all pairs
that were ever taken, and a phrase that has reached its limit lets no further pair in. Widths, kana,
spaces, marks and stretched letters are folded first, so that a disguise does not make it new.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from persona.text_folding import fold_kana, views

_SIZE = 4
_KANA_SIZE = 8
_KANA_ONLY = re.compile("[ぁ-ゖ○]+")
_RAN_TOGETHER = re.compile("[a-z0-9]+")


def phrases(text: str) -> frozenset[str]:
    """Phrases of a text that may be rare: 4 letters with a kanji, Latin letter or digit among them,
    8 letters of kana alone, or a whole Latin word. Four kana are grammar more often than not.
    """
    kept = fold_kana(views(text).exact)
    short = {kept[at : at + _SIZE] for at in range(len(kept) - _SIZE + 1)}
    long = {kept[at : at + _KANA_SIZE] for at in range(len(kept) - _KANA_SIZE + 1)}
    latin = {word for word in _RAN_TOGETHER.findall(kept) if len(word) >= 2}
    return frozenset(
        {part for part in short if not _KANA_ONLY.fullmatch(part)}
        | {part for part in long if _KANA_ONLY.fullmatch(part)}
        | latin
    )


def common_phrases(texts: Iterable[str], *, at_least: int = 2) -> frozenset[str]:
    """Phrases in `at_least` or more texts of a trusted background, such as the seed dialogues."""
    counts = Counter(part for text in texts for part in phrases(text))
    return frozenset(part for part, count in counts.items() if count >= at_least)


@dataclass(slots=True, kw_only=True)
class PhraseCounts:
    """Pairs per rare phrase. `common` phrases are never counted; `limit` pairs per phrase, > 0."""

    common: frozenset[str]
    limit: int
    counts: Counter[str] = field(default_factory=Counter)

    def rare(self, text: str) -> frozenset[str]:
        """The phrases of a text that count."""
        return phrases(text) - self.common

    def full(self, text: str) -> str | None:
        """A phrase of the text that has reached its limit, or None."""
        return next(
            (part for part in sorted(self.rare(text)) if self.counts[part] >= self.limit), None
        )

    def add(self, text: str) -> None:
        """Count one more pair."""
        self.counts.update(self.rare(text))
