"""Cheap figures of a reply's text beside its context; every one is a plain float.

They say what a small language model sees badly: lengths, repetitions, echoes, the register of a
card, and whether a reply carries what a fact beside it says.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence

from persona.card import Card
from persona.voice import register_faults, says_unknown, sentences
from rlaif.evaluator import Dialogue

_KANA = re.compile("[ぁ-ん]")
_KATAKANA = re.compile("[ァ-ヶー]")
_KANJI = re.compile("[一-龥々]")
_LATIN = re.compile("[A-Za-zＡ-Ｚａ-ｚ]")
_MARK = re.compile("[。、！？!?…]")
_CONTENT_RUN = re.compile(r"[一-龥々]+|[ァ-ヶー]{2,}|[0-9０-９]+|[A-Za-z]{2,}")
_NUMBER = re.compile(
    r"[0-9０-９]+|[一二三四五六七八九十百]+(?=[時分歳月日人年個本匹回点枚階つ羽畳])"
)
_NEGATION = re.compile("ない|なかった|ません|ぬ$|ず|嫌い|苦手")
_POLITE = re.compile("です|ます|ません|でした|ました|ください")
_PLAIN_END = re.compile("(?:だ|だよ|だな|だぜ|だろ|ろよ|るな|しろ|じゃん|ねえ|ねーよ|のか|んだよ)$")
_QUESTION = re.compile("[？?]|かしら|ませんこと|ですか|ますか")
_INSULT = re.compile(
    "馬鹿|ばか(?!り)|バカ|阿呆|あほ|アホ|間抜け|愚か|愚図|無能|役立たず|クズ|屑|ゴミ|凡人|幼稚|低俗|下品|醜|卑し|"
    "みっともな|情けな|恥知らず|見苦し|くだら|下らな|つまらな|退屈|うざ|ウザ|鬱陶|目障り|耳障り|邪魔|迷惑|"
    "気持ち悪|気色悪|キモ|最悪|最低|軽蔑|呆れ|うんざり|嫌い|哀れ|滑稽|笑わせ|鼻で笑|ざまあ|いい気味|自業自得"
)
_DISMISSAL = re.compile(
    "黙|消え|失せ|どっか行|あっちへ|出てい|出て行|お帰り|帰(?:れ|って)|話しかけ|近寄|二度と|どうでもい|知るか|知ったこと|"
    "勝手に|放っておい|興味(?:が|は|も)?(?:な|ありませ|ございませ)|うるさ|しつこ|関係な|聞きたく|時間の無駄"
)
_LOOKED_DOWN_ON = re.compile(
    "お前|おまえ|あんた|貴様|てめえ|こいつ|庶民|下々|ごとき|くせに|分際|身の程|何様|偉そう|調子に乗|あなた(?:の(?:よう|せい)|みたい|が悪|など|なんか)"
)
_ASKS = re.compile("[？?]|ですか|ますか|ください|何|なに|どこ|いつ|誰|どう|なぜ|なんで|いくつ")

Figures = dict[str, float]


def text_figures(dialogue: Dialogue, card: Card | None) -> Figures:
    """All figures by name, the same names in the same order for every dialogue.

    `card` None means that nobody's register is expected; its figures are 0.
    """
    reply, user = dialogue.reply, dialogue.turns[-1].content
    said = [turn.content for turn in dialogue.turns if turn.role == "assistant"]
    return {
        **_shape(reply),
        **_repetition(reply),
        **_echo(reply, user, said, dialogue),
        **_grounding(reply, user, dialogue.facts),
        **_against_herself(reply, user, said),
        **_hostility(reply),
        **register_figures(reply, card),
    }


def _shape(reply: str) -> Figures:
    length = max(len(reply), 1)
    parts = sentences(reply)
    return {
        "log_characters": math.log1p(len(reply)),
        "characters_over_60": max(0.0, (len(reply) - 60) / 100),
        "characters_over_150": max(0.0, (len(reply) - 150) / 100),
        "short": max(0.0, (16 - len(reply)) / 16),
        "sentences": math.log1p(len(parts)),
        "kana_share": len(_KANA.findall(reply)) / length,
        "katakana_share": len(_KATAKANA.findall(reply)) / length,
        "kanji_share": len(_KANJI.findall(reply)) / length,
        "latin_share": len(_LATIN.findall(reply)) / length,
        "mark_share": len(_MARK.findall(reply)) / length,
        "ends_with_mark": float(reply.endswith(("。", "！", "？", "!", "?", "…", "♪", "」"))),
        "starts_with_mark": float(bool(_MARK.match(reply))),
        "content_words": math.log1p(len(_CONTENT_RUN.findall(reply))),
        "asks_back": float(bool(_QUESTION.search(reply))),
        "polite_share": len(_POLITE.findall(reply)) / max(len(parts), 1),
        "plain_ends": sum(bool(_PLAIN_END.search(part)) for part in parts) / max(len(parts), 1),
    }


def _repetition(reply: str) -> Figures:
    figures: Figures = {}
    for size in (2, 4, 6):
        grams = _grams_in_order(reply, size)
        figures[f"distinct_{size}"] = len(set(grams)) / len(grams) if grams else 1.0
    counts = Counter(_grams_in_order(reply, 4))
    figures["most_repeated"] = math.log(max(counts.values(), default=1))
    return figures


def _echo(reply: str, user: str, said: Sequence[str], dialogue: Dialogue) -> Figures:
    before = "".join(turn.content for turn in dialogue.turns)
    return {
        "user_in_reply": _coverage(user, reply),
        "reply_in_user": _coverage(reply, user),
        "longest_echo": _longest_common(reply, user) / max(len(user), 1),
        "echo_of_reply": _longest_common(reply, user) / max(len(reply), 1),
        "reply_in_said": max((_coverage(reply, one) for one in said), default=0.0),
        "said_in_reply": max((_coverage(one, reply) for one in said), default=0.0),
        "content_shared_with_user": _content_share(reply, user),
        "content_shared_with_context": _content_share(reply, before),
        "user_asks": float(bool(_ASKS.search(user))),
        "log_user_characters": math.log1p(len(user)),
        "turns": float(len(dialogue.turns)),
    }


def _grounding(reply: str, user: str, facts: Sequence[str]) -> Figures:
    """The fact nearest to the question, and how much of what it adds is in the reply."""
    fact = max(facts, key=lambda one: _content_share(user, one), default="")
    asked = _content_grams(user)
    value = _content_grams(fact) - asked
    told = _content_grams(reply) - asked
    relevance = _content_share(user, fact)
    carried = len(value & told) / len(value) if value else 0.0
    every = set[str]().union(*(_content_grams(one) for one in facts))
    foreign = len(told - every) / len(told) if told else 0.0
    numbers, known = set(_NUMBER.findall(reply)), set(_NUMBER.findall("".join((*facts, user))))
    unknown = float(says_unknown(reply))
    return {
        "has_facts": float(bool(facts)),
        "fact_relevance": relevance,
        "fact_carried": carried,
        "fact_any_carried": max((_content_share(one, reply) for one in facts), default=0.0),
        "fact_missed": relevance * float(carried == 0.0) * (1 - unknown),
        "foreign_content": foreign * float(bool(facts)),
        "foreign_beside_fact": foreign * relevance,
        "foreign_numbers": float(bool(numbers - known)) * float(bool(facts)),
        "says_unknown": unknown,
        "unknown_beside_fact": unknown * relevance,
        "polarity_differs": relevance
        * float(bool(_NEGATION.search(fact)) != bool(_NEGATION.search(reply))),
    }


def _against_herself(reply: str, user: str, said: Sequence[str]) -> Figures:
    last = said[-1] if said else ""
    told, before = _content_grams(reply), _content_grams(last)
    asked = _content_grams(user)
    quoted = _coverage(last, user) if last else 0.0
    return {
        "has_said": float(bool(said)),
        "said_quoted_by_user": quoted,
        "denies": float(bool(re.search("いいえ|いえ|いや|違|まさか|言って|申し|覚え", reply))),
        "denies_quoted": quoted * float(bool(re.search("ない|ません|違|逆|反対|まさか", reply))),
        "said_retold": len((told & before) - asked) / len(told) if told else 0.0,
        "negation": float(bool(_NEGATION.search(reply))),
    }


def _hostility(reply: str) -> Figures:
    """Words that belittle, send away or look down; harmless ones among them are for the heads."""
    kinds = {"insults": _INSULT, "dismissals": _DISMISSAL, "looks_down": _LOOKED_DOWN_ON}
    return {name: math.log1p(len(words.findall(reply))) for name, words in kinds.items()}


def register_figures(reply: str, card: Card | None) -> Figures:
    """How a reply keeps to a card's register; all 0 without a card."""
    names = ("no_ending", "plain_ending", "first_person", "opener", "word")
    faults = Counter(fault.kind for fault in register_faults(reply, card)) if card else Counter()
    hers = share = 0.0
    if card is not None:
        parts = sentences(reply)
        hers = float(card.first_person in reply)
        ends = tuple(card.endings)
        ending = sum(
            part.rstrip("ねよのなわ").endswith(ends) or part.endswith(ends) for part in parts
        )
        share = ending / max(len(parts), 1)
    return {
        "has_card": float(card is not None),
        "her_pronoun": hers,
        "her_endings": share,
        **{f"register_{name}": math.log1p(faults[name]) for name in names},  # type: ignore[index]
    }


def _grams_in_order(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(len(text) - size + 1)]


def _coverage(part: str, whole: str) -> float:
    """Share of the character pairs of `part` that are in `whole`."""
    pairs = set(_grams_in_order(part, 2))
    return len(pairs & set(_grams_in_order(whole, 2))) / len(pairs) if pairs else 0.0


def _content_grams(text: str) -> set[str]:
    """Kanji, pairs of katakana, numbers: what a Japanese text is about."""
    grams: set[str] = set()
    for run in _CONTENT_RUN.findall(text):
        if _KANJI.match(run):
            grams.update(run)
        elif _KATAKANA.match(run):
            grams.update(_grams_in_order(run, 2))
        else:
            grams.add(run)
    return grams


def _content_share(part: str, whole: str) -> float:
    grams = _content_grams(part)
    return len(grams & _content_grams(whole)) / len(grams) if grams else 0.0


def _longest_common(one: str, other: str) -> int:
    """Characters of the longest piece both hold."""
    best, row = 0, [0] * (len(other) + 1)
    for letter in one:
        above = 0
        for at, own in enumerate(other, start=1):
            row[at], above = (above + 1 if letter == own else 0), row[at]
            best = max(best, row[at])
    return best
