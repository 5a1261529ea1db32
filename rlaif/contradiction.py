"""Does a reply contradict a fact that stood beside the turn? Rules that can be read out loud.

Four kinds are seen, each only where the fact is about what is being talked of (its own words come
back in the visitor's turn or in the reply):

- number: the fact gives a number with a unit (17歳), the reply another one with the same unit;
- slot: the fact names something of a closed class (弦楽部, 速水先生, 水色), the reply another of it;
- polarity: the fact says 好き, 得意 or that something is done, the reply the opposite, or reversed;
- answer: the visitor asks what one fact answers, and nothing of that answer is in the reply.

Anything said in other words passes: a cheap rule is to be right when it speaks, not to see all.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from persona.voice import says_unknown, sentences
from rlaif.evaluator import Dialogue
from rlaif.rarity import grams

ContradictionKind = Literal["number", "slot", "polarity", "answer"]

_KANJI_DIGITS = str.maketrans("〇零一二三四五六七八九", "00123456789")
_NUMBER = r"(?:[0-9]+(?:\.[0-9]+)?|[〇零一二三四五六七八九十百千]+)"
_UNIT = (
    "歳|才|年生|年間|年|か月|ヶ月|カ月|月|日間|週間|時間|時|分間|分|秒|人|名|匹|頭|羽|冊|本|枚|個|台|階|回|度|"
    "センチ|ミリ|メートル|キロ|円|割|番|点|杯|駅|曲|行|着|足|軒|袋|通"
)
_QUANTITY = re.compile(f"({_NUMBER})({_UNIT})")
_CLASS = re.compile(
    "([一-龥々ァ-ヶーa-z]{1,8})(部|先生|色|語|県|市|駅|町|科|柄|味|型|座|係|委員|大学|高校|時代)(?![一-龥々ァ-ヶ])"
)
_CONTENT = re.compile("[一-龥々]{1,6}|[ァ-ヶー]{2,}|[a-z]{2,}|「[^」]+」")
_LIKED = re.compile("好き|大好物|好物|得意|気に入|愛して|目がな")
_DISLIKED = re.compile(
    "嫌い|苦手|不得意|怖|恐|好きではありませ|好きではござ|好きでは(?:な|ご)|得意では(?:あ|な|ご)|好みませ"
)
_DENIED = re.compile(
    "([一-龥々])[ぁ-ん]{0,3}?(?:て|で|られ|れ|け|め|え)?(?:はおり|おり|いたし|い|き|り|み|べ|え|け|せ|じ|び|ち|に|ぎ|れ|め|し)?"
    "(?:ません|ない|ず[、。]|ぬ)"
)
_NEGATIVE = re.compile("ない|なかった|ません|ず[、。にと]|ぬ|怖がら|嫌わ")
_QUESTION = re.compile(
    "[？?]|何|なに|なん|誰|だれ|どこ|どちら|どれ|どの|どんな|どう|いつ|いくつ|いくら|教えて|お聞かせ|伺|気になり|ますか|ですか"
)
_ASKED = re.compile("[？?]|かしら$|ませんの$|ますの$|ですの$|ませんこと$")
_NO_TOPIC = re.compile("絢音|彼女|名前|今|一番|人|年|月|日|時|中|前|後|私|頃|的|度|方|事|物|大")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """One contradiction: `said` in the reply against `known` in `fact`."""

    kind: ContradictionKind
    fact: str
    known: str
    said: str


def contradictions(dialogue: Dialogue) -> tuple[Contradiction, ...]:
    """Return every contradiction of a fact in the reply, in the order of the facts."""
    if says_unknown(dialogue.reply):
        return ()
    reply = folded(dialogue.reply)
    asked = folded(dialogue.turns[-1].content) if dialogue.turns else ""
    facts = [folded(fact) for fact in dialogue.facts]
    heard = " ".join([asked, *facts])
    found: list[Contradiction] = []
    for fact in facts:
        for kind, known, said in (
            *_numbers(fact, reply, asked, heard),
            *_slots(fact, reply, asked, heard),
            *_polarity(fact, reply),
        ):
            found.append(Contradiction(kind=kind, fact=fact, known=known, said=said))
    if not found and facts and _QUESTION.search(asked):
        found.extend(_unanswered(facts, reply, asked))
    return tuple(found)


def _unanswered(facts: list[str], reply: str, asked: str) -> list[Contradiction]:
    """The fact that shares most with the question, where the reply has nothing of the rest of it.

    Nothing is said where a second fact shares as much, or less than half of the question's words.
    """
    question = set(words_of(asked))
    shared = [len(question & set(words_of(fact))) for fact in facts]
    best = max(range(len(facts)), key=lambda at: shared[at])
    if shared[best] < 2 or shared.count(shared[best]) > 1 or 2 * shared[best] < len(question):
        return []
    answer = set(words_of(facts[best])) - question
    if not answer or answer & set(words_of(reply)) or _NEGATIVE.search(facts[best]):
        return []
    # An answer written in hiragana alone has no stems.
    if (grams(facts[best], 3) & grams(reply, 3)) - grams(asked, 3):
        return []
    return [
        Contradiction(
            kind="answer", fact=facts[best], known="".join(sorted(answer)), said="something else"
        )
    ]


def words_of(text: str) -> list[str]:
    """Return what a text is about, kanji by kanji and katakana pair by pair, numbers as digits."""
    digits = _QUANTITY.sub(lambda found: f"{_value(found[1]):g}{found[2]}", text)
    found = re.findall("[一-龥々]|[0-9]+", re.sub("絢音|彼女", "", digits))
    for run in re.findall("[ァ-ヶー]{2,}|[a-z]{2,}", text):
        found.extend(run[at : at + 2] for at in range(len(run) - 1))
    return found


def _numbers(
    fact: str, reply: str, asked: str, heard: str
) -> list[tuple[ContradictionKind, str, str]]:
    known = quantities(fact)
    if not known or not _on_topic(fact, reply, asked):
        return []
    said, excused = quantities(reply), quantities(heard)
    return [
        ("number", f"{known[unit][0]:g}{unit}", f"{values[0]:g}{unit}")
        for unit, values in said.items()
        if unit in known
        and unit not in ("度", "回")
        and not set(values) & set(known[unit])
        and not set(values) & set(excused.get(unit, []))
    ]


def _slots(
    fact: str, reply: str, asked: str, heard: str
) -> list[tuple[ContradictionKind, str, str]]:
    found: list[tuple[ContradictionKind, str, str]] = []
    known = {last: first for first, last in _CLASS.findall(fact)}
    for first, last in _CLASS.findall(reply):
        if (
            last in known
            and not first.startswith("何")
            and first + last not in heard
            and known[last] not in reply
            and _on_topic(fact.replace(known[last] + last, ""), reply, asked)
        ):
            found.append(("slot", known[last] + last, first + last))
    return found


def _polarity(fact: str, reply: str) -> list[tuple[ContradictionKind, str, str]]:
    """Liking against disliking, and doing against not doing, of what the fact names."""
    named = [
        word
        for word in _topics(fact)
        if len(word) > 1 or re.search(f"{re.escape(word)}[がはをもの]", fact)
    ]
    for sentence in sentences(reply):
        shared = [word for word in named if word in sentence]
        if not shared or _ASKED.search(sentence + "。"):
            continue
        dislikes, likes = _DISLIKED.search(sentence), _LIKED.search(sentence)
        if _DISLIKED.search(fact) and not _NEGATIVE.search(fact) and likes and not dislikes:
            return [("polarity", _DISLIKED.findall(fact)[0], likes.group())]
        if _LIKED.search(fact) and not _DISLIKED.search(fact) and dislikes:
            return [("polarity", _LIKED.findall(fact)[0], dislikes.group())]
        denied = set(_DENIED.findall(sentence))
        if _NEGATIVE.search(fact):
            continue
        verb = next((stem for stem in denied if re.search(f"{stem}[ぁ-ん]", fact)), None)
        others = [word for word in shared if word != verb]
        if verb and others and verb not in _DENIED.findall(fact):
            return [("polarity", verb, f"{verb}…ません")]
    return []


def _on_topic(fact: str, reply: str, asked: str) -> bool:
    """A word of the fact comes back in what was asked or answered."""
    return any(word in asked or word in reply for word in _topics(fact))


def _topics(fact: str) -> list[str]:
    words = _CONTENT.findall(_QUANTITY.sub(" ", fact))
    return [word for word in words if not _NO_TOPIC.fullmatch(word)]


def quantities(text: str) -> dict[str, list[float]]:
    """Return unit -> the numbers with it in a folded text, in order."""
    found: dict[str, list[float]] = {}
    for number, unit in _QUANTITY.findall(text):
        found.setdefault("歳" if unit == "才" else unit, []).append(_value(number))
    return found


def _value(number: str) -> float:
    """17, 十七 and 二十五 as numbers; 二〇二四 digit by digit."""
    if not re.search("[十百千]", number):
        return float(number.translate(_KANJI_DIGITS))
    total, current = 0, 0
    for letter in number.translate(_KANJI_DIGITS):
        if letter.isdigit():
            current = current * 10 + int(letter)
        else:
            total += (current or 1) * {"十": 10, "百": 100, "千": 1000}[letter]
            current = 0
    return float(total + current)


def folded(text: str) -> str:
    """Return the text with widths and case folded."""
    return unicodedata.normalize("NFKC", text).lower()
