"""Guards of the reward: what a rule can see in a reply, whatever a model thinks of it.

Each finding is 0 (nothing) to 1 (as bad as it gets) with a note an operator can read:

- dullness: the share of the reply that would fit any turn (acknowledgements, empty praise);
- length: how far it lies outside the window of letters;
- register: what `persona/voice.py` finds against the card;
- repetition: inside itself, of her own earlier replies, of the visitor's words;
- contradiction: of a fact that stood beside the turn (`rlaif/contradiction.py`).
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from persona.card import Card
from persona.voice import register_faults
from rlaif.contradiction import contradictions
from rlaif.errors import PairingError
from rlaif.evaluator import Dialogue
from rlaif.rarity import grams, jaccard, letters

Guard = Literal["dullness", "length", "register", "repetition", "contradiction"]
GUARDS: tuple[Guard, ...] = ("dullness", "length", "register", "repetition", "contradiction")

# Pieces that say nothing about the turn at hand. A sentence that they cover is a stock one.
_EMPTY = (
    # acknowledging
    "そうなのですね そうなんです そうなのです そうなの そうなん そうでした そうです そう なるほど へえ ふむ ふふ ええ はい うん "
    "まあ まぁ あら おや ほう いいえ もちろん たしかに 確かに 了解 承知 かしこまりました",
    # pointing and stressing
    "それはそれは それは これは それで それでは では それ とっても とても 本当に ほんとうに 本当 ほんとに ほんと 実に 大変に "
    "なんて なんと なんだか きっと 少し すこし ちょっと よく たいへん いつでも いつも ぜひ また もっと 何か なにか "
    "あなた わたくし わたし 私 お互い 一緒に いっしょに みなさま 皆さま",
    # praising and pitying
    "素敵な 素敵 すてきな すてき 素晴らしい すばらしい すごい 凄い いい 良い よい よかった 良かった 楽しそう 面白そう おもしろそう "
    "美味しそう おいしそう 大変そう 気持ちよさそう 嬉しい うれしい 楽しい 楽しみ 面白い おもしろい 大変 たいへん 残念 心配 大切 大事 "
    "興味深い 興味 幸せ 立派 えらい 偉い 最高 さすが お疲れさま おつかれさま お疲れ様 ごきげんよう",
    # claiming to understand, cheering
    "お気持ち 気持ち お察しし わかり 分かり 存じ 理解し 理解 共感し 共感 応援し 応援 頑張って がんばって 頑張り がんばり お大事に "
    "聞かせて 教えて 話して お聞かせ お聞きし 聞いて 思って 思い 思う 感じ 感じて ありがとう 感謝し 感謝 お話 話 "
    "こと もの とき 時間 一日 過ごして お過ごし 過ごし 無理 せず 無理なさらないで ゆっくり 休んで お休み 気をつけて",
    # grammar
    "なさらないで なさって くださいませ くださいまし ください 下さい ございます ございません ませんわ ませんの ません ましょう でしょう "
    "ましたわ ましたの ました ますわ ますの ます でしたわ でしたの でした ですわ ですの ですこと です だ な の ね よ わ か かしら "
    "おります おり います いる いた いたし し して する した なさい なり なる なった なれ あり ある ない く に を は が も と で て へ から "
    "より まで けれど けど さん さま お ご",
)
_EMPTY_PIECE = re.compile(
    "|".join(sorted((word for words in _EMPTY for word in words.split()), key=len, reverse=True))
)
_SENTENCE_END = re.compile(r"[。！？!?…\n]+")
_LATE_TURNS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class PenaltySettings:
    """Where the guards begin and where they are full.

    `shortest`, `longest`: letters of a reply that cost nothing, 1 <= shortest < longest.
    The other pairs are (begins, full) shares in 0..1: of the reply that is stock; of its 4-grams
    that come twice; of likeness (Jaccard) to an earlier reply of hers; of its 2-grams that the
    visitor's turn already had.
    """

    shortest: int = 8
    longest: int = 60
    stock: tuple[float, float] = (0.4, 0.9)
    repeated: tuple[float, float] = (0.15, 0.5)
    said_before: tuple[float, float] = (0.5, 0.9)
    parroted: tuple[float, float] = (0.6, 0.9)

    def __post_init__(self) -> None:
        if not 1 <= self.shortest < self.longest:
            raise PairingError(
                f"length window is {self.shortest}-{self.longest} letters; "
                "expected 1 <= shortest < longest"
            )
        for name in ("stock", "repeated", "said_before", "parroted"):
            begins, full = {
                "stock": self.stock,
                "repeated": self.repeated,
                "said_before": self.said_before,
                "parroted": self.parroted,
            }[name]
            if not 0 <= begins < full <= 1:
                raise PairingError(
                    f"{name} is ({begins}, {full}); expected 0 <= begins < full <= 1"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFacts:
    """What the guards found in one reply, each 0..1; `notes` say why, without visitor text."""

    dullness: float = 0.0
    length: float = 0.0
    register: float = 0.0
    repetition: float = 0.0
    contradiction: float = 0.0
    notes: tuple[str, ...] = ()

    def severity(self, guard: Guard) -> float:
        """The finding of one guard."""
        found: dict[Guard, float] = {
            "dullness": self.dullness,
            "length": self.length,
            "register": self.register,
            "repetition": self.repetition,
            "contradiction": self.contradiction,
        }
        return found[guard]

    def note(self, guard: Guard) -> str:
        """Why a guard objects; empty where it does not."""
        begin = f"{guard}: "
        return "; ".join(one.removeprefix(begin) for one in self.notes if one.startswith(begin))


def text_facts(dialogue: Dialogue, card: Card, settings: PenaltySettings) -> TextFacts:
    """Return what every guard finds in the reply of `dialogue`."""
    reply = dialogue.reply
    notes: list[str] = []
    share = stock_share(reply)
    dull = _ramp(share, settings.stock)
    if dull:
        notes.append(f"dullness: {share:.0%} of it fits any turn")
    size = len(letters(reply))
    length = _outside(size, settings)
    if length:
        notes.append(f"length: {size} letters, window {settings.shortest}-{settings.longest}")
    faults = register_faults(reply, card)
    heavy = any(fault.kind in ("first_person", "word") for fault in faults)
    register = 1.0 if heavy else min(1.0, len(faults) / 2)
    notes.extend(f"register: {fault.kind}" for fault in faults)
    repetition, note = _repetition(dialogue, settings)
    if repetition:
        notes.append(f"repetition: {note}")
    against = contradictions(dialogue)
    notes.extend(f"contradiction: {found.kind}" for found in against)
    return TextFacts(
        dullness=dull,
        length=length,
        register=register,
        repetition=repetition,
        contradiction=1.0 if against else 0.0,
        notes=tuple(notes),
    )


def stock_share(text: str) -> float:
    """Share of the letters that stand in sentences which would fit any turn, 0..1; 1 if empty."""
    total = stock = 0
    for sentence in _SENTENCE_END.split(text):
        size = len(letters(sentence))
        total += size
        if size and not letters(_EMPTY_PIECE.sub("", letters(sentence))):
            stock += size
    return stock / total if total else 1.0


def _repetition(dialogue: Dialogue, settings: PenaltySettings) -> tuple[float, str]:
    """The worst of the three repetitions and what it is."""
    reply = dialogue.reply
    own = grams(reply, 2)
    kept = letters(reply)
    fours = Counter(kept[at : at + 4] for at in range(len(kept) - 3))
    twice = 1 - len(fours) / fours.total() if fours else 0.0
    earlier = [turn.content for turn in dialogue.turns if turn.role == "assistant"]
    likeness = max((jaccard(own, grams(text, 2)) for text in earlier[-_LATE_TURNS:]), default=0.0)
    heard = grams(dialogue.turns[-1].content, 2) if dialogue.turns else frozenset[str]()
    echoed = len(own & heard) / len(own) if own else 0.0
    return max(
        (_ramp(twice, settings.repeated), f"{twice:.0%} of it comes twice"),
        (_ramp(likeness, settings.said_before), f"{likeness:.0%} like an earlier reply"),
        (_ramp(echoed, settings.parroted), f"{echoed:.0%} of it repeats the visitor"),
    )


def _outside(size: int, settings: PenaltySettings) -> float:
    """0 inside the window; 1 at nothing at all or at twice the longest."""
    if size < settings.shortest:
        return (settings.shortest - size) / settings.shortest
    return min(1.0, max(0.0, (size - settings.longest) / settings.longest))


def _ramp(value: float, bounds: tuple[float, float]) -> float:
    begins, full = bounds
    return min(1.0, max(0.0, (value - begins) / (full - begins)))
