"""Bounded figures of a whole dialogue: how each side writes, and what passes between them.

Every figure is a share, a rate per turn, an entropy or a logarithm, so that a chat of three turns
stays within what long ones show.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence

from persona.engine import Message
from rlaif.rated_dialogues import RatedDialogue

_MARKS: dict[str, re.Pattern[str]] = {
    name: re.compile(pattern, re.MULTILINE)
    for name, pattern in {
        "question": "[？?]",
        "exclamation": "[！!]",
        "laugh_w": r"[wｗ]+(?=[。！!？?\s]|$)",
        "laugh": "笑",
        "picture": r"[（(][^（）()ぁ-んァ-ヶ一-龥]{2,}[)）]|[♪☆★♡♥]|[\U0001F300-\U0001FAFF]",
        "wave": "[〜～]",
        "drawn_out": "ーー+|ー[。！!？?]",
        "trailing": r"…|・・|\.\.",
        "comma": "、",
        "full_stop": "。",
        "masked": "<ID>|＊",
        "number": "[0-9０-９]",
        "latin": "[A-Za-z]{2,}",
        "desu": "です",
        "masu": "ます",
        "past": "ました",
        "negated": "ません",
        "ne": "ね[。！!？?、～〜ー♪]|ね$",
        "yo": "よ[。！!？?、～〜ー♪]|よ$",
        "yone": "よね",
        "perhaps": "かな|かも",
        "follows": "そう(?:です|なん|な)|そっか|なるほど|へぇ|へえ|へー|ほほう",
        "praise": "すご|素敵|素晴|[い良]いですね|うらやま|羨ま|おもしろ|面白",
        "agrees": "[わ分]か(?:り|る)|確かに|たしかに|同じ|一緒",
        "thanks": "ありがと|有難|有り難",
        "sorry": "すみません|すいません|ごめん|申し訳|失礼",
        "joy": "楽し|嬉し|うれし|たのし|幸せ|ワクワク",
        "trouble": "苦手|嫌|難し|大変|つら|辛い|残念|疲|忙し",
        "wishes": "たいです|たいな|たいと思",
        "oneself": "私|僕|俺|わたし|自分",
        "other": "さん|あなた",
        "asks": "教えて|聞かせ|どんな|どう|何か|なに|どこ|どの",
        "but": "けど|でも|しかし|ただ|ですが",
        "thinks": "思[いうっ]",
        "ends_up": "ちゃ[うっい]|てしま",
        "plain": "(?:だ|だよ|だね|だな|じゃん|よな)[。！!？?]?$",
        "gladly": "是非|ぜひ",
        "very": "なかなか|とても|すごく|めちゃ|本当に|ほんと",
        "likes": "好き",
        "time": "時間",
        "interjection": "^(?:あー|ああ|あっ|おー|おお|え[ー、っ]|わ[ー、あっ])",
        "answers": "^(?:はい|うん|ええ|いえ)",
        "polite": "ございま|いただ|頂|いたし|下さ|くださ",
    }.items()
}
_ENDINGS: dict[str, tuple[str, ...]] = {
    "question": ("？", "?"),
    "exclamation": ("！", "!"),
    "full_stop": ("。",),
}
_SCRIPTS: dict[str, re.Pattern[str]] = {
    "hiragana": re.compile("[ぁ-ん]"),
    "katakana": re.compile("[ァ-ヶー]"),
    "kanji": re.compile("[一-龥々]"),
}
_CONTENT = re.compile("[一-龥々]{2,}|[ァ-ヶー]{2,}|[A-Za-z]{2,}")
_ASKED = _MARKS["question"]
_SENTENCE_END = re.compile("[。！!？?]+")
_SHORT_CHARACTERS = 15
_CLOSING_TURNS = 3
_MOST_PER_TURN = 5.0

Figures = dict[str, float]


def dialogue_figures(dialogue: RatedDialogue) -> Figures:
    """All figures by name, the same names in the same order for every dialogue."""
    figures: Figures = {}
    for role, name in (("user", "rater"), ("assistant", "rated")):
        turns = [m.content for m in dialogue.messages if m.role == role and m.content.strip()]
        closing = turns[-_CLOSING_TURNS:]
        figures |= {f"{name}_{key}": value for key, value in _side(turns).items()}
        figures |= {f"{name}_closing_{key}": value for key, value in _mark_shares(closing).items()}
        figures[f"{name}_closing_length"] = _log_mean([len(turn) for turn in closing])
    return figures | _between(dialogue.messages)


def _side(turns: Sequence[str]) -> Figures:
    text = "\n".join(turns)
    letters, count = max(len(text), 1), max(len(turns), 1)
    words = _CONTENT.findall(text)
    return {
        **_lengths([len(turn) for turn in turns]),
        **_mark_shares(turns),
        **{
            f"{name}_per_turn": min(len(mark.findall(text)) / count, _MOST_PER_TURN)
            for name, mark in _MARKS.items()
        },
        **{name: len(script.findall(text)) / letters for name, script in _SCRIPTS.items()},
        **{
            f"ends_{name}": sum(turn.rstrip().endswith(ends) for turn in turns) / count
            for name, ends in _ENDINGS.items()
        },
        "sentences": min(len(_SENTENCE_END.findall(text)) / count, _MOST_PER_TURN),
        "content_words": min(len(words) / count, 2 * _MOST_PER_TURN),
        "content_distinct": len(set(words)) / max(len(words), 1),
        **_variety(text),
    }


def _lengths(lengths: Sequence[int]) -> Figures:
    mean = sum(lengths) / max(len(lengths), 1)
    variance = sum((length - mean) ** 2 for length in lengths) / max(len(lengths), 1)
    return {
        "turns": math.log1p(len(lengths)),
        "length": _log_mean(lengths),
        "length_spread": min(math.sqrt(variance) / (mean + 1), 3.0),
        "length_first": _log_mean(lengths[:4]),
        "length_last": _log_mean(lengths[-4:]),
        "length_trend": _log_mean(lengths[-5:]) - _log_mean(lengths[:5]),
        "length_least": math.log1p(min(lengths, default=0)),
        "length_most": math.log1p(max(lengths, default=0)),
        "short": sum(n < _SHORT_CHARACTERS for n in lengths) / max(len(lengths), 1),
    }


def _mark_shares(turns: Sequence[str]) -> Figures:
    """Share of the turns that hold each mark."""
    return {
        f"{name}_share": sum(bool(mark.search(turn)) for turn in turns) / max(len(turns), 1)
        for name, mark in _MARKS.items()
    }


def _variety(text: str) -> Figures:
    figures: Figures = {}
    for size in (1, 2, 3):
        counts = Counter(_grams(text, size))
        total = max(sum(counts.values()), 1)
        figures[f"distinct_{size}"] = len(counts) / total
        figures[f"entropy_{size}"] = -sum(n / total * math.log(n / total) for n in counts.values())
    return figures


def _between(messages: Sequence[Message]) -> Figures:
    """Who brings in words, who picks up the other's, who echoes, how questions are answered."""
    told: dict[str, set[str]] = {"user": set(), "assistant": set()}
    brought, picked = Counter[str](), Counter[str]()
    echoes: dict[str, list[float]] = {"user": [], "assistant": []}
    answers: dict[str, list[int]] = {"user": [], "assistant": []}
    before = ""
    for message in messages:
        own = message.role
        if own == "system":
            continue
        other = "user" if own == "assistant" else "assistant"
        words = set(_CONTENT.findall(message.content))
        brought[own] += len(words - told["user"] - told["assistant"])
        picked[own] += len(words & told[other])
        told[own] |= words
        pairs = set(_grams(message.content, 2))
        if before and pairs:
            echoes[own].append(len(pairs & set(_grams(before, 2))) / len(pairs))
        if _ASKED.search(before):
            answers[own].append(len(message.content))
        before = message.content
    every = len(told["user"] | told["assistant"])
    return {
        **{
            f"{name}_{key}": value
            for role, name in (("user", "rater"), ("assistant", "rated"))
            for key, value in {
                "brought": math.log1p(brought[role]),
                "picked": math.log1p(picked[role]),
                "echo": sum(echoes[role]) / max(len(echoes[role]), 1),
                "answer_length": _log_mean(answers[role]),
            }.items()
        },
        "rated_share_of_words": brought["assistant"] / max(sum(brought.values()), 1),
        "shared_words": len(told["user"] & told["assistant"]) / max(every, 1),
        "words": math.log1p(every),
    }


def _grams(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(len(text) - size + 1)]


def _log_mean(lengths: Sequence[int]) -> float:
    return math.log1p(sum(lengths) / len(lengths)) if lengths else 0.0
