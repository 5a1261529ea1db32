"""Questions made of a card's facts: what an interviewer asks, and what a right answer names.

A fact is a plain Japanese sentence about the persona. A few forms are understood, each turned into
wordings of one question; of the others no question is made, for a crooked one would measure itself.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from persona.card import Card
from persona.dialogues import CardProbe
from rlaif.fault_phrases import OPPOSITES_FIT, OPPOSITES_HELD_OUT

# A single kanji before other kana than a particle is the stem of a verb or an adjective.
_VALUE = re.compile(
    "「[^」]+」|[一-龥々]{2,8}|[一-龥々](?=[がをはにでのとも、]|$)|[ァ-ヶー]{2,}|[0-9０-９]+[一-龥]?"
)
_EMPTY_VALUES = frozenset({"今", "人", "時", "年", "月", "日", "前", "後", "中", "上", "最", "何"})
_DIGITS = re.compile("[0-9０-９]+|[一二三四五六七八九十]+(?=[時分歳月日人年個本匹回枚つ度か間])")
_NUMBERS = ("三", "九", "四十")
_NAMED = "(?:[一-龥々]い)?[一-龥々ァ-ヶー]+(?:の[一-龥々ァ-ヶー]+)?"
_LIKING = re.compile(
    "好き|苦手|怖|嫌|得意|夢|楽し|憧れ|たいと考え|と思って|だけは|集めて|大切|楽しみ"
)
_INTERVIEWER_WHEN = re.compile("(?:歳|とき|年|夏|冬|春|秋|月|日|時|間)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class FactQuestion:
    """facts: any of them answers; wordings: two ways to ask; keys: naming any of them is right; hearsay: the first fact as a
    third person heard it; wrong: the same with something changed, and the changed word, if it could be."""

    facts: tuple[str, ...]
    wordings: tuple[str, str]
    keys: tuple[str, ...]
    hearsay: str
    wrong: tuple[str, str] | None


def fact_questions(
    card: Card, facts: Sequence[str], probes: Sequence[CardProbe]
) -> list[FactQuestion]:
    """A question for every fact whose form is understood, in order.

    Keys are those that the card's own probes give for the fact, else words of its answer. Facts
    that give one question are one question, which any of them answers.
    """
    written = {probe.fact: probe.keys for probe in probes}
    found: dict[tuple[str, str], FactQuestion] = {}
    for fact in facts:
        told = _about(fact, card)
        asked = None if told is None else _asked(told)
        if told is None or asked is None:
            continue
        wordings, value = asked
        keys = written.get(fact) or _keys(value, "".join(wordings))
        if not keys:
            continue
        first = found.get(wordings)
        found[wordings] = FactQuestion(
            facts=(*first.facts, fact) if first else (fact,),
            wordings=wordings,
            keys=(*first.keys, *keys) if first else tuple(keys),
            hearsay=first.hearsay if first else _hearsay(told),
            wrong=first.wrong if first else _wrong(told),
        )
    return list(found.values())


def liked_facts(card: Card, facts: Iterable[str]) -> list[tuple[str, str]]:
    """Facts that say what she likes, fears, wants or holds to, each with its hearsay."""
    told = ((fact, _about(fact, card)) for fact in facts if _LIKING.search(fact))
    return [(fact, _hearsay(about)) for fact, about in told if about is not None]


def given_name(card: Card) -> str:
    """What her facts call her: the last part of her name."""
    return card.name.split()[-1]


def _about(fact: str, card: Card) -> str | None:
    """The fact without its full stop and her name; it begins with の, が or は. None when it is
    not about her."""
    told = re.match(
        f"(?:{re.escape(given_name(card))}|彼女|{re.escape(card.name)})(?=[のがは])", fact
    )
    return None if told is None else fact[told.end() :].rstrip("。")


def _asked(told: str) -> tuple[tuple[str, str], str] | None:
    """Two wordings and the part of the fact that answers them."""
    for pattern, ask in _FORMS:
        found = re.fullmatch(pattern, told)
        if found is not None:
            return ask(found)
    return None


def _of_topic(found: re.Match[str]) -> tuple[tuple[str, str], str]:
    topic = found["topic"]
    return (
        (f"あなたの{topic}について教えてください。", f"{topic}のことを、ぜひ伺いたいです。"),
        found["value"],
    )


def _of_clause(found: re.Match[str]) -> tuple[tuple[str, str], str]:
    clause, value = found["clause"], found["value"]
    asks = "どうして" if re.search("から$|ため$", value) else "何"
    if asks == "何" and _INTERVIEWER_WHEN.search(value):
        asks = "いつ"
    return (
        (
            f"あなたが{clause}は、{asks}ですか？",
            f"{clause}は{asks}なのか、話してもらえますか？",
        ),
        value,
    )


def _of_object(found: re.Match[str]) -> tuple[tuple[str, str], str]:
    clause = f"{found['before'] or ''}{found['verb']}"
    return (
        (f"あなたが{clause}のは何ですか？", f"{clause}のは何なのか、話してもらえますか？"),
        found["value"],
    )


def _of_feeling(found: re.Match[str]) -> tuple[tuple[str, str], str]:
    feeling = found["feeling"] + ("い" if found["feeling"] == "怖" else "な")
    return (
        (f"あなたの{feeling}ものを教えてください。", f"{feeling}ものを挙げるとしたら、何ですか？"),
        found["value"],
    )


_NOUN = "(?:である|だ)"
_PART = "[^、をがはに]"
_FORMS = (
    (f"が(?P<clause>[^、]+?の)は、?(?P<value>.+?){_NOUN}", _of_clause),
    (f"が(?P<clause>(?:いちばん|初めて).+?)は、?(?P<value>.+?){_NOUN}", _of_clause),
    ("の(?P<topic>[^は、]+?)(?<![にでとへ])は、?(?P<value>.+)", _of_topic),
    (
        f"は、?(?:.*、)?(?P<value>{_PART}+?)が(?:いちばん)?(?P<feeling>苦手|得意|怖).*",
        _of_feeling,
    ),
    (
        f"は、?(?P<before>(?:{_PART}{{1,8}}[はにで、から]+)?)(?P<value>{_NAMED})を"
        "(?P<verb>[^、をがは]+(?:ている|でいる|ていた|買う|飲む|打つ|書く|観る))",
        _of_object,
    ),
)  # fmt: skip


def _keys(value: str, asked: str) -> tuple[str, ...]:
    """Words of the answer that the question does not give away, longest first."""
    words = {word.strip("「」") for word in _VALUE.findall(value)}
    kept = [word for word in words if word not in asked and word not in _EMPTY_VALUES]
    return tuple(sorted(kept, key=lambda word: (-len(word), word))[:3])


def _hearsay(told: str) -> str:
    """…だそうですね。 of the fact, said to her."""
    clause = re.sub("である$", "だ", told)
    clause = clause[1:].lstrip("、") if clause[0] == "は" else f"あなた{clause}"
    return f"{clause}そうですね。"


def _wrong(told: str) -> tuple[str, str] | None:
    """The hearsay with a number or a word turned into another, and that other word."""
    heard = _hearsay(told)
    number = _DIGITS.search(heard)
    if number is not None:
        other = next(one for one in _NUMBERS if one not in heard)
        unit = heard[number.end()]
        return heard[: number.start()] + other + heard[number.end() :], other + unit
    for one, opposite in (*OPPOSITES_FIT, *OPPOSITES_HELD_OUT):
        for old, new in ((one, opposite), (opposite, one)):
            if old in heard and new not in heard and len(old) > 1:
                return heard.replace(old, new), new
    return None
