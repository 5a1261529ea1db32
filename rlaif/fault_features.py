"""What a correction changed: what is said about her, or how it is said.

Every figure is read from the texts by rules that can be said aloud; `fault_router.py` weighs them.
A word here is a kanji, a pair of katakana or a number with its unit: what a Japanese text is about.
"""

import difflib
import math
import re
from collections import Counter
from collections.abc import Iterable, Set
from dataclasses import dataclass, replace
from functools import lru_cache

from persona.engine import Message
from persona.voice import says_unknown, sentences
from rlaif.contradiction import contradictions, folded, quantities, words_of
from rlaif.evaluator import Dialogue

_QUESTION = re.compile(
    "[？?]|何|なに|なん(?!だ)|誰|だれ|どこ|どちら|どれ|どの|どんな|どう|いつ|いくつ|いくら|教えて|だっけ|っけ$"
)
_TOLD = re.compile("[！!]$|た$|い$|ない$|中$|だ$|ね$|る$|よ$|よう$")
_COMMON = frozenset("何今方事物人言思申存伺参致頂御様少々私本当大変素敵日見聞話答教等味一番")
_ADDRESSES = re.compile(
    "あなた|くださ|くださいませ|なさい|ませんこと|ましょう|いかが|かしら|[？?]|お休み|おやすみ|よろしくて|おめでとう"
)
_LIKED = re.compile("好き|好物|得意|気に入|平気|楽しみ")
_DISLIKED = re.compile("嫌い|苦手|不得意|怖|駄目|興味がござ|興味がな|どうにも")
_YES = re.compile("^(?:ええ|はい|もちろん|うん)")
_NO = re.compile("^(?:いいえ|いえ|まさか|ううん)")
_DATE = re.compile("[0-9〇一二三四五六七八九十]+[日月時](?!間|分)")
_NEVER = re.compile("(?:こと|覚え|縁)[がは]?(?:一度も)?(?:ござい|あり)|一度も|したことが")
_MACHINE = re.compile(
    "データ|処理|利用者|質問|用件|申し付け|不適切|正常|確率|パーセント|手伝|対応|待機|承知|以上"
)
_OPINION = re.compile("どう思|どうしよ|どうすれば|なんで|何で|どうして|なぜ|ようかな|かな[？?]?$")
_EVASIVE = re.compile("秘密|ご想像|任せ|かね|存じ|わかり|考えたこと|お答え|内緒|さあ")
_STYLE_NOTE = re.compile(
    "口調|語尾|敬語|言い方|口ぶり|冷た|温か|あたたか|優し|やさし|やわらか|柔らか|固い|硬い|堅|きつ|丁寧|失礼|乱暴|"
    "長すぎ|長い|短|一文|簡潔|くど|しつこ|繰り返|同じこと|オウム返し|おうむ返し|そっけな|素っ気な|事務的|親し|"
    "アシスタント|AI|ＡＩ|機械|役柄|らしく|キャラ|命令|共感|心配|喜|励ま|寄り添|反応|会話|百科|説明|説教|"
    "質問ばかり|聞き返|遊び|ユーモア|雰囲気|感じ|トーン|読みにく|不自然|一人称|もっと|つまらな|退屈|です|ます|ですの"
)
_FACT_NOTE = re.compile(
    "設定|事実|間違|誤り|誤って|正しくは|本当は|実際は|じゃなく|ではなく|ではない|じゃない|でなく|はず|捏造|作り話|でたらめ|"
    "嘘|うそ|聞いていない|聞いたことがない|決まっていない|書いていない|書かれていない|出てこない|どこにもない|"
    "プロフィール|矛盾|食い違|知らないはず|ない(?:[。、]|$)|ありません"
)

Figures = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultCase:
    """A reply that an operator found wrong, with what they wrote: a better reply, a note, or both.

    `facts` stood beside the turn; `known` is everything that is true of her now, each a sentence
    that calls her `name`.
    """

    user: str
    reply: str
    corrected: str = ""
    note: str = ""
    facts: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    name: str = ""


def fault_figures(case: FaultCase) -> Figures:
    """All figures by name, the same names in the same order for every case; each about 0..1."""
    weights = _weights(case.known)
    return {
        **_asked(case),
        **_corrected(case, weights),
        **_noted(case, weights),
    }


def relevance(case: FaultCase, fact: str, weights: dict[str, float] | None = None) -> float:
    """How much of what a fact says is in the question or the correction: summed rarity, >= 0."""
    rare = _weights(case.known) if weights is None else weights
    own = words(fact)
    told = words(case.corrected) | words(case.note)
    return _worth(own & words(case.user), rare) + 0.5 * _worth(own & told, rare)


@lru_cache(maxsize=4096)
def words(text: str) -> frozenset[str]:
    """What a text is about, without the commonest kanji; numbers with their unit."""
    bare = folded(text)
    amounts = {f"{value:g}{unit}" for unit, values in quantities(bare).items() for value in values}
    amounts |= set(_DATE.findall(bare))
    return frozenset(word for word in words_of(bare) if word not in _COMMON) | amounts


def _asked(case: FaultCase) -> Figures:
    asked = case.user.strip()
    question = bool(_QUESTION.search(asked))
    return {
        "question": float(question),
        "tells": float(not question and bool(_TOLD.search(asked))),
    }


def _corrected(case: FaultCase, weights: dict[str, float]) -> Figures:
    """What the correction did; all 0 without one."""
    figures = {
        "corrected": 1.0,
        **_exchanged(case, weights),
        **_turned(case),
        **_retold(case),
    }
    return figures if case.corrected.strip() else dict.fromkeys(figures, 0.0)


def _exchanged(case: FaultCase, weights: dict[str, float]) -> Figures:
    """Words that came and went, and whether they are those of a fact that is talked about."""
    asked, before, after = words(case.user), words(case.reply), words(case.corrected)
    near = sorted(case.known, key=lambda fact: -relevance(case, fact, weights))[:6]
    beside = [words(fact) for fact in dict.fromkeys([*near, *case.facts])]
    known = frozenset[str]().union(*beside) if beside else frozenset()
    new, gone = after - before - asked, before - after - asked
    anchored = max(
        (
            min(_worth((asked | before) & fact, weights), _worth(new & fact, weights))
            for fact in beside
        ),
        default=0.0,
    )
    kept = max((_worth(after & before & fact, weights) for fact in beside), default=0.0)
    return {
        "gained_fact": min(max((_worth(new & one, weights) for one in beside), default=0), 2) / 2,
        "anchored": min(anchored, 1.0),
        "lost_foreign": min(len(gone - known), 3) / 3,
        "lost": len(gone) / len(before - asked) if before - asked else 0.0,
        "exchanged": min(len(gone), len(new), 3) / 3,
        "kept_fact": min(kept, 2.0) / 2,
    }


def _turned(case: FaultCase) -> Figures:
    """What was said of her and is now said otherwise: numbers, likes, yes and no."""
    before, after = case.reply, case.corrected
    claims = float(bool(_NEVER.search(before)) and not _NEVER.search(after))
    near = sorted(case.known, key=lambda fact: -relevance(case, fact))[:4]
    dialogue = Dialogue(
        turns=(Message(role="user", content=case.user),), reply=before, facts=tuple(near)
    )
    better = replace(dialogue, reply=after)
    open_question = bool(_OPINION.search(case.user)) or bool(_ADDRESSES.search(after))
    return {
        "contradicted": float(len(contradictions(dialogue)) > len(contradictions(better))),
        "numbers": float(_number_differs(case)),
        "likes": float(_side(before) * _side(after) < 0),
        "yes_no": float(_answer(before) * _answer(after) < 0),
        "never": claims,
        "now_known": float(
            bool(_QUESTION.search(case.user))
            and not open_question
            and _knows_nothing(before)
            and not _knows_nothing(after)
        ),
    }


def _retold(case: FaultCase) -> Figures:
    """How it is said: endings, length, and whether the visitor is turned to."""
    before, after = case.reply, case.corrected
    return {
        "same_frame": _frame(before, after),
        "same_ending": _same_endings(before, after),
        "addresses": float(bool(_ADDRESSES.search(after)) and not _ADDRESSES.search(before)),
        "grown": min(max(len(after) / max(len(before), 1) - 1.0, 0.0), 2.0) / 2,
        "machine": float(bool(_MACHINE.search(before))),
    }


def _noted(case: FaultCase, weights: dict[str, float]) -> Figures:
    note = case.note.strip()
    named = words(note) - words(case.user) - words(case.reply)
    carried = max((_worth(named & words(fact), weights) for fact in case.known), default=0.0)
    return {
        "note": float(bool(note)),
        "note_style": min(len(_STYLE_NOTE.findall(note)), 2) / 2.0,
        "note_fact": min(len(_FACT_NOTE.findall(note)), 2) / 2.0,
        "note_carries": min(carried, 2.0) / 2.0,
    }


@lru_cache(maxsize=8)
def _weights(facts: tuple[str, ...]) -> dict[str, float]:
    """Rarity of each word over the facts, in 0..1; a word of one fact weighs 1."""
    counts = Counter(word for fact in facts for word in words(fact))
    most = math.log(1 + len(facts)) or 1.0
    return {word: math.log(1 + len(facts) / count) / most for word, count in counts.items()}


def _worth(found: Iterable[str], weights: dict[str, float]) -> float:
    return sum(weights.get(word, 0.0) for word in found)


def _number_differs(case: FaultCase) -> bool:
    before, after = quantities(folded(case.reply)), quantities(folded(case.corrected))
    return any(set(before[unit]) != set(after[unit]) for unit in before.keys() & after.keys())


def _side(text: str) -> int:
    """1 where something is liked or mastered, -1 where it is not, 0 where neither is said."""
    liked, disliked = bool(_LIKED.search(text)), bool(_DISLIKED.search(text))
    return int(liked) - int(disliked)


def _answer(text: str) -> int:
    return int(bool(_YES.search(text))) - int(bool(_NO.search(text)))


def _knows_nothing(text: str) -> bool:
    return says_unknown(text) or bool(_EVASIVE.search(text))


def _frame(before: str, after: str) -> float:
    """Alike letter by letter, 0..1: a fact is changed inside its sentence, a tone all over it."""
    return difflib.SequenceMatcher(None, before, after, autojunk=False).ratio()


def _same_endings(before: str, after: str) -> float:
    """Share of the reply's sentences that end like one of the correction's."""
    ends: Set[str] = {part[-2:] for part in sentences(after)}
    parts = sentences(before)
    return sum(part[-2:] in ends for part in parts) / len(parts) if parts else 0.0
