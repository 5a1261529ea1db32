"""Digits as people write them: full-width, kanji, spelled in kana, with look-alikes and separators.

A *group* is a run of digits without anything between; a *chain* is groups that only separators
keep apart. Positions refer to the text as it was typed.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from persona.text_folding import fold_kana

_KANJI = str.maketrans("〇零一二三四五六七八九", "00123456789")
_ONE_AS_HYPHEN = re.compile("(?<=[0-9])一(?=[0-9])")
_ZERO_SHAPES = re.compile("[0-9〇零一二三四五六七八九○◯]*[○◯][0-9〇零一二三四五六七八九○◯]*")
_LATIN_ZEROS = re.compile("(?<![a-z0-9])[0-9o]*[0-9][0-9o]*(?![a-z])", re.IGNORECASE)
_KANA_WORDS = {
    "ぜろ": "0",
    "れい": "0",
    "まる": "0",
    "いち": "1",
    "にい": "2",
    "に": "2",
    "さん": "3",
    "よん": "4",
    "ごお": "5",
    "ご": "5",
    "ろく": "6",
    "なな": "7",
    "しち": "7",
    "はち": "8",
    "きゆう": "9",
}
# にい before ち is に and いち.
_KANA_WORD = re.compile(
    "|".join(sorted(_KANA_WORDS, key=len, reverse=True)).replace("にい", "にい(?!ち)")
)
# Three spelled digits in a row: two are ordinary words too often.
_GROUP = re.compile(f"[0-9]+|[〇零一二三四五六七八九]+|(?:(?:{_KANA_WORD.pattern})[・、 ]?){{3,}}")
_INVISIBLE = "\u200b-\u200f\u2060\ufeff\u00ad"
_SEPARATOR = re.compile(rf"[\s{_INVISIBLE}\-‐-―−ー~〜・./()\[\]、,の_|=:]{{0,3}}")
WEAK = re.compile(rf"[\s{_INVISIBLE}、,・]*")
_ACROSS_TURNS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Digits at text[start:end] of the text number `at`; `before` is what parts it from the group
    ahead of it in the chain ("" for the first), `across` whether a turn ends between the two."""

    at: int
    start: int
    end: int
    digits: str
    before: str = ""
    across: bool = False


def fold(text: str) -> str:
    """Letter by letter to its common form; the length stays."""
    folded = "".join(_narrow(letter) for letter in text)
    folded = _ONE_AS_HYPHEN.sub("-", folded)
    folded = _ZERO_SHAPES.sub(_circles_as_zeros, folded)
    return _LATIN_ZEROS.sub(lambda found: found.group().replace("o", "0").replace("O", "0"), folded)


def chains(texts: Sequence[str]) -> list[list[Group]]:
    """All chains of folded texts, in order. Consecutive texts are turns of one speaker: the last
    group of one and the first of the next are one chain where few other letters lie between.
    """
    found: list[list[Group]] = []
    for at, text in enumerate(texts):
        end: int | None = None
        for start, written in _groups(fold_kana(text)):
            group = Group(at=at, start=start, end=start + len(written), digits=_digits(written))
            if end is not None and _SEPARATOR.fullmatch(text, end, group.start):
                found[-1].append(_after(group, text[end : group.start], across=False))
            elif end is None and at and _reaches(found, texts, at, group.start):
                found[-1].append(_after(group, "", across=True))
            else:
                found.append([group])
            end = group.end
    return found


def _groups(text: str) -> Iterator[tuple[int, str]]:
    """Where groups begin and how they are written. に at either end of spelled digits may be a
    particle, so it is a group of its own."""
    for match in _GROUP.finditer(text):
        start, written = match.start(), match.group().rstrip("・、 ")
        if "に" not in (written[0], written[-1]):
            yield start, written
            continue
        head = "に" if written.startswith("に") and not written.startswith("にい") else ""
        tail = "に" if written.endswith("に") else ""
        middle = written[len(head) : len(written) - len(tail)]
        yield from ((start, head),) if head else ()
        yield start + len(head), middle
        yield from ((start + len(head) + len(middle), tail),) if tail else ()


def _reaches(found: list[list[Group]], texts: Sequence[str], at: int, start: int) -> bool:
    """The last chain ends at the end of the turn before, and the next group begins this one."""
    if not found or found[-1][-1].at != at - 1:
        return False
    return len(texts[at - 1]) - found[-1][-1].end <= _ACROSS_TURNS and start <= _ACROSS_TURNS


def _after(group: Group, before: str, *, across: bool) -> Group:
    return Group(
        at=group.at,
        start=group.start,
        end=group.end,
        digits=group.digits,
        before=before,
        across=across,
    )


def _digits(written: str) -> str:
    if written[0].isascii() or written[0] in "〇零一二三四五六七八九":
        return written.translate(_KANJI)
    return "".join(_KANA_WORDS[word] for word in _KANA_WORD.findall(written))


def _narrow(letter: str) -> str:
    narrow = unicodedata.normalize("NFKC", letter)
    return narrow if len(narrow) == 1 else letter


def _circles_as_zeros(found: re.Match[str]) -> str:
    """〇 typed as a circle; circles alone stand for something left out."""
    run = found.group()
    if not run.strip("○◯"):
        return run
    zero = "〇" if re.search("[一-九]", run) else "0"
    return re.sub("[○◯]", zero, run)
