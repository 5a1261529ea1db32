"""Does a text sound like her? Pure functions over a card, for data checks and reports.

What is looked at, sentence by sentence, outside quotation marks (she may quote others):

- endings: at least one sentence of the text closes with one of the card's `endings`
  (ね, よ, の, な or わ may follow), when `politeness` is "polite";
- plain endings: no sentence closes with one of `forbidden_endings`;
- first person: none of `forbidden_first_persons` is used as a pronoun (私立 and 公私 are not);
- openers and words: the text does not begin with a stock opener and holds no forbidden word.

A plain verb such as 行く at the end of a second sentence is not caught: telling it from a
noun needs a morphological analyser, and she does end sentences on nouns.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from persona.card import Card

FaultKind = Literal["no_ending", "plain_ending", "first_person", "opener", "word"]

# How she says that she does not know; the polite and the ojou-sama forms share these stems.
_UNKNOWN = re.compile(
    "わかりませ|分かりませ|わかりかね|存じませ|存じ上げませ|存じており?ませ|覚えておりませ|覚えがありませ|覚えがございませ"
    "|覚えていませ|お答えできませ|お答えできかね|答えられませ|知りませ|ご存じありませ|お話しできることが"
    "|思い出せませ|聞いておりませ|伺っておりませ|うかがっておりませ|見当もつきませ|見当がつきませ|不明ですわ|不明ですの"
)
_QUOTED = re.compile(r"「[^」]*」|『[^』]*』|“[^”]*”")
_SENTENCE_END = re.compile(r"[。！？!?…\n]+")
_CLOSERS = "」』）)〜～ー―♪、 　"
_KANJI = "一-龥々"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterFault:
    """One thing she would not say; `text` is the offending piece."""

    kind: FaultKind
    text: str


def sentences(text: str) -> list[str]:
    """Sentences of a text without their end marks, quotations left out, empty ones dropped."""
    bare = _QUOTED.sub("「」", text)
    pieces = (piece.strip(_CLOSERS + "「") for piece in _SENTENCE_END.split(bare))
    return [piece for piece in pieces if piece]


def opener(text: str) -> str:
    """How a text begins: up to its first mark within six characters, else four characters.

    まあ、よろしくて → まあ; わたくしは猫派ですわ → わたくし.
    """
    first = re.split(r"[、。！？!?…「」『』\s]", text.lstrip("「『…"), maxsplit=1)[0]
    return first if len(first) <= 6 else first[:4]


def register_faults(text: str, card: Card) -> tuple[RegisterFault, ...]:
    """Everything in `text` that breaks the card's register, in the order of the module's list."""
    faults: list[RegisterFault] = []
    parts = sentences(text)
    if card.politeness == "polite":
        ending = _ending_pattern(card.endings)
        if not any(ending.search(part) for part in parts):
            faults.append(RegisterFault(kind="no_ending", text=text[-12:]))
    faults.extend(
        RegisterFault(kind="plain_ending", text=part[-12:])
        for part in parts
        if card.forbidden_endings and part.endswith(card.forbidden_endings)
    )
    bare = _QUOTED.sub("「」", text)
    if card.forbidden_first_persons:
        pronoun = _pronoun_pattern(card.forbidden_first_persons)
        faults.extend(
            RegisterFault(kind="first_person", text=found.group())
            for found in pronoun.finditer(bare)
        )
    faults.extend(
        RegisterFault(kind="opener", text=stock)
        for stock in card.forbidden_openers
        if text.startswith(stock)
    )
    faults.extend(
        RegisterFault(kind="word", text=word) for word in card.forbidden_words if word in text
    )
    return tuple(faults)


def says_unknown(text: str) -> bool:
    """True when the text says, in any of her ways, that she does not know."""
    return _UNKNOWN.search(text) is not None


def voice_ok(text: str, card: Card) -> bool:
    """True when the text is in the card's voice: `register_faults` finds nothing."""
    return not register_faults(text, card)


@lru_cache(maxsize=8)
def _ending_pattern(endings: tuple[str, ...]) -> re.Pattern[str]:
    """Matches a sentence that closes with one of the endings."""
    alternatives = "|".join(re.escape(e) for e in sorted(endings, key=len, reverse=True))
    return re.compile(f"(?:{alternatives})[ねよのなわ]{{0,2}}$")


@lru_cache(maxsize=8)
def _pronoun_pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    """Matches the words where they stand as pronouns.

    A kanji word must not touch another kanji (私立, 公僕). A kana word must begin the text or
    follow a mark or a particle, and a particle or mark must come after it (しおれは is no おれ).
    """
    after = r"(?=$|[はがもをのにとへでや、。！？!?…」]|たち|ども|から|まで|自身)"
    alternatives = [
        rf"(?<![{_KANJI}]){re.escape(word)}(?![{_KANJI}])"
        if re.search(f"[{_KANJI}]", word)
        else rf"(?:(?<=^)|(?<=[はがもをのにとで、。！？!?…「」\s])){re.escape(word)}{after}"
        for word in sorted(words, key=len, reverse=True)
    ]
    return re.compile("|".join(alternatives))
