"""Replies spoilt on purpose, each in one way, for teaching and testing evaluators.

A fault is made from a real context and the reply that was really given there. Every kind has
makers and wordings for fitting and others that are only met in tests.
"""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from persona.engine import Message
from persona.voice import says_unknown
from rlaif.evaluator import Dialogue
from rlaif.fault_contexts import Context
from rlaif.fault_phrases import (
    AS_I_SAID,
    ASKED_AGAIN,
    ASSISTANT,
    DENIED,
    DULL,
    OPPOSITES_FIT,
    OPPOSITES_HELD_OUT,
    OTHER_SPEAKERS_FIT,
    OTHER_SPEAKERS_HELD_OUT,
    PARROT,
    RAMBLES,
    RECALLED,
    RESAID,
    STOOD_BY,
    Phrases,
)
from rlaif.rude_phrases import RUDE

FaultKind = Literal[
    "dull",
    "parroted",
    "repetitive",
    "rude",
    "broken",
    "too_long",
    "off_topic",
    "off_persona",
    "contradiction",
]
Half = Literal["fit", "held_out"]

FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)

LOWERED: Mapping[FaultKind, tuple[str, ...]] = {
    "dull": ("agency", "emotion", "enjoyability", "personality", "respeak", "topic"),
    "parroted": ("agency", "enjoyability", "humanness", "respeak", "topic"),
    "repetitive": ("agency", "attentiveness", "enjoyability", "humanness", "respeak", "topic"),
    "rude": ("attentiveness", "ease", "empathetic", "enjoyability", "respeak", "trust"),
    "broken": ("ease", "enjoyability", "humanness", "respeak", "trust"),
    "too_long": ("attentiveness", "ease", "enjoyability", "humanness", "respeak"),
    "off_topic": ("attentiveness", "consistency", "empathetic", "topic"),
    "off_persona": ("consistency", "personality"),
    "contradiction": ("consistency", "trust"),
}
"""Which impressions a fault spoils; about the others it says nothing."""

_TOPIC_WORD = re.compile(r"[一-龥々]{2,6}|[ァ-ヶー]{3,8}")
_PARTICLE = re.compile(r"(?<=[一-龥ァ-ヶー])[はがをにでと](?=[一-龥ぁ-んァ-ヶ])")
_CHUNK = re.compile(
    r"[^、。！？!?\s]{1,4}?(?:[はがをにでともの、。！？!?]|$)|[^、。！？!?\s]{1,4}|[、。！？!?]"
)
_HER_ENDING = re.compile(
    r"(です|ます|ません|でした|ました)(?:わ|の)(?:ね|よ)?(?=[。！？!?…、」]|$)"
)
_HER_PRONOUN = "わたくし"
_DIGIT = re.compile(r"[0-9０-９]+|[一二三四五六七八九十]+(?=[時分歳月日人年個本匹回点枚階つ])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A dialogue with what is known of its reply; `fault` None means people accepted it."""

    dialogue: Dialogue
    fault: FaultKind | None
    maker: str
    context: Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What makers draw from: the half of the wordings, and other contexts of the same side."""

    half: Half
    contexts: Sequence[Context]
    rng: random.Random

    def phrase(self, phrases: Phrases, context: Context) -> str:
        """A wording of this half with its blanks filled."""
        chosen = self.rng.choice(phrases.fit if self.half == "fit" else phrases.held_out)
        said = context.said[-1] if context.said else ""
        blanks = {"user": _bare(context.user), "topic": _topic(context), "before": said}
        # One pass: what fills a blank is never searched for blanks again.
        return re.sub(r"\{(user|topic|before)\}", lambda found: blanks[found[1]], chosen)

    def others(self, context: Context) -> list[Context]:
        """Contexts of the same voice from other dialogues."""
        return [c for c in self.contexts if c.voice == context.voice and c.group != context.group]


Maker = Callable[[Context, Material], Dialogue | None]


def good_example(context: Context) -> Example:
    """The reply that was really given."""
    dialogue = Dialogue(turns=context.turns, reply=context.reply, facts=context.facts)
    return Example(dialogue=dialogue, fault=None, maker="given", context=context)


def make_fault(kind: FaultKind, context: Context, material: Material) -> Example | None:
    """Spoil the reply of `context`; None when no maker of the kind fits it."""
    makers = list(_MAKERS[kind])
    material.rng.shuffle(makers)
    for maker in makers:
        dialogue = maker(context, material)
        if dialogue is not None and dialogue.reply.strip() not in ("", context.reply):
            name = maker.__name__.strip("_")
            return Example(dialogue=dialogue, fault=kind, maker=name, context=context)
    return None


def stood_by(context: Context, material: Material) -> Example | None:
    """She comes back to something she said before and stands by it: the good side of denial."""
    again = _asked_again(context, material)
    if again is not None and material.rng.random() < 0.5:
        first = re.split(r"(?<=[。！？!?])", context.reply)[0]
        dialogue = replace(again, reply=material.phrase(AS_I_SAID, context) + first)
        return Example(dialogue=dialogue, fault=None, maker="told_again", context=context)
    recalled = _recalled(context, material)
    if recalled is None:
        return None
    dialogue = replace(recalled, reply=material.phrase(STOOD_BY[context.voice], context))
    return Example(dialogue=dialogue, fault=None, maker="stood_by", context=context)


def _dull(context: Context, material: Material) -> Dialogue:
    return _answer(context, material.phrase(DULL[context.voice], context))


def _parroted(context: Context, material: Material) -> Dialogue | None:
    if len(context.user) < 6:
        return None
    return _answer(context, material.phrase(PARROT[context.voice], context))


def _rude(context: Context, material: Material) -> Dialogue:
    return _answer(context, material.phrase(RUDE[context.voice], context))


def _rude_before_reply(context: Context, material: Material) -> Dialogue:
    insult = material.phrase(RUDE[context.voice], context)
    first = re.split(r"(?<=[。！？!?])", context.reply)[0]
    return _answer(context, insult + first)


def _looped(context: Context, material: Material) -> Dialogue:
    pieces = [piece for piece in re.split(r"(?<=[。！？!?、])", context.reply) if piece]
    times = material.rng.randint(3, 5)
    if material.half == "held_out":
        # A tail that the model cannot leave, instead of a sentence that returns.
        tail = context.reply.rstrip("。！？!?")[-material.rng.randint(3, 6) :]
        return _answer(context, context.reply.rstrip("。！？!?") + tail * times + "。")
    looped = material.rng.choice([p for p in pieces if len(p) >= 3] or [context.reply])
    return _answer(context, context.reply + looped * times)


def _resaid(context: Context, material: Material) -> Dialogue | None:
    if not context.said or len(context.said[-1]) < 8:
        return None
    return _answer(context, material.phrase(RESAID[context.voice], context).replace("\n", ""))


def _broken(context: Context, material: Material) -> Dialogue:
    rng, text = material.rng, context.reply
    if material.half == "held_out":
        way = rng.choice((_reversed_chunks, _dropped_kana, _strayed_kana))
    else:
        way = rng.choice((_shuffled_letters, _shuffled_chunks, _wrong_particles))
    return _answer(context, way(text, rng))


def _shuffled_letters(text: str, rng: random.Random) -> str:
    letters = list(text)
    for start in range(0, len(letters), 6):
        window = letters[start : start + 6]
        rng.shuffle(window)
        letters[start : start + 6] = window
    return "".join(letters)


def _chunks(text: str) -> list[str]:
    return [chunk for chunk in _CHUNK.findall(text) if chunk]


def _shuffled_chunks(text: str, rng: random.Random) -> str:
    chunks = _chunks(text)
    rng.shuffle(chunks)
    return "".join(chunks)


def _reversed_chunks(text: str, _rng: random.Random) -> str:
    return "".join(reversed(_chunks(text)))


def _wrong_particles(text: str, rng: random.Random) -> str:
    swapped = _PARTICLE.sub(lambda found: rng.choice("をへがにもとで"), text)
    return _shuffled_chunks(swapped, rng) if rng.random() < 0.5 else _doubled(swapped, rng)


def _doubled(text: str, rng: random.Random) -> str:
    """Particles pile up between chunks."""
    return "".join(
        chunk + rng.choice(("", "をが", "はに", "のを", "でと")) for chunk in _chunks(text)
    )


def _dropped_kana(text: str, rng: random.Random) -> str:
    return "".join(c for c in text if not ("ぁ" <= c <= "ん") or rng.random() > 0.45)


def _strayed_kana(text: str, rng: random.Random) -> str:
    return "".join(c + (rng.choice("ぬそむへゆれろ") if rng.random() < 0.35 else "") for c in text)


def _rambling(context: Context, material: Material) -> Dialogue | None:
    others = material.others(context)
    if len(others) < 4:
        return None
    text, wanted = context.reply, material.rng.randint(180, 320)
    while len(text) < wanted:
        text += material.phrase(RAMBLES[context.voice], context)
        text += material.rng.choice(others).reply
    return _answer(context, text)


def _listing(context: Context, material: Material) -> Dialogue | None:
    """What she said already, and the whole talk again, told at length."""
    source = [*context.said, _bare(context.user), context.reply]
    if len("".join(source)) < 60:
        return None
    text, wanted = "", material.rng.randint(180, 320)
    while len(text) < wanted:
        text += material.rng.choice(source)
        text += material.phrase(RAMBLES[context.voice], context)
    return _answer(context, text + context.reply)


def _off_topic(context: Context, material: Material) -> Dialogue | None:
    others = [c for c in material.others(context) if len(c.reply) >= 14]
    topics = set(_TOPIC_WORD.findall(" ".join(turn.content for turn in context.turns)))
    for _ in range(10):
        if not others:
            return None
        reply = material.rng.choice(others).reply
        words = set(_TOPIC_WORD.findall(reply))
        # A reply without a topic of its own may fit anywhere; one that shares a topic may fit here.
        if words and not words & topics:
            return _answer(context, reply)
    return None


def _other_speaker(context: Context, material: Material) -> Dialogue | None:
    if context.voice != "persona":
        return None
    speakers = OTHER_SPEAKERS_FIT if material.half == "fit" else OTHER_SPEAKERS_HELD_OUT
    return _answer(context, as_other_speaker(context.reply, material.rng.choice(speakers)))


def as_other_speaker(reply: str, speaker: tuple[str, str, str]) -> str:
    """Her reply in the pronoun and endings of one of the other speakers."""
    pronoun, copula, verb = speaker
    endings = {"です": copula, "ます": verb}
    text = _HER_ENDING.sub(lambda found: endings.get(found[1], found[1]), reply)
    text = text.replace(_HER_PRONOUN, pronoun).replace("かしら", "かな")
    return re.sub("くださいま[しせ]", "ください", text)


def _assistant(context: Context, material: Material) -> Dialogue | None:
    if context.voice != "persona":
        return None
    return _answer(context, material.phrase(ASSISTANT, context))


def _twin(context: Context, _material: Material) -> Dialogue | None:
    return None if context.twin is None else _answer(context, context.twin)


def _opposite(context: Context, material: Material) -> Dialogue | None:
    """The value in a reply that goes back to a fact is turned into another."""
    if context.twin is None:
        return None
    pairs = OPPOSITES_FIT if material.half == "fit" else OPPOSITES_HELD_OUT
    text = context.reply
    for one, other in pairs:
        for old, new in ((one, other), (other, one)):
            if old in text and any(old in fact for fact in context.facts):
                return _answer(context, text.replace(old, new))
    facts = "".join(context.facts)
    number = next((n for n in _DIGIT.findall(text) if n in facts), None)
    if number is None:
        return None
    other_number = material.rng.choice(
        [n for n in ("三", "7", "12", "九", "二十", "40") if n != number]
    )
    return _answer(context, text.replace(number, other_number))


def _denied(context: Context, material: Material) -> Dialogue | None:
    recalled = _recalled(context, material)
    if recalled is None:
        return None
    return replace(recalled, reply=material.phrase(DENIED[context.voice], context))


def _retold(context: Context, material: Material) -> Dialogue | None:
    """She told it already; asked again, with nothing beside her, she tells it otherwise."""
    asked = _asked_again(context, material)
    return None if asked is None or context.twin is None else replace(asked, reply=context.twin)


def _asked_again(context: Context, material: Material) -> Dialogue | None:
    if context.twin is None:
        return None
    again = material.phrase(ASKED_AGAIN, context)
    turns = (
        *context.turns,
        Message(role="assistant", content=context.reply),
        Message(role="user", content=again),
    )
    return Dialogue(turns=turns, reply="-", facts=())


def _recalled(context: Context, material: Material) -> Dialogue | None:
    """The context continued: her reply stands, and the visitor comes back to it."""
    if not 10 <= len(context.reply) <= 60 or re.search("[？?]", context.reply):
        return None
    if says_unknown(context.reply):
        return None
    asked = material.phrase(RECALLED[context.voice], context)
    asked = asked.replace("{said}", _bare(context.reply))
    turns = (
        *context.turns,
        Message(role="assistant", content=context.reply),
        Message(role="user", content=asked),
    )
    return Dialogue(turns=turns, reply="-", facts=context.facts)


_MAKERS: Mapping[FaultKind, tuple[Maker, ...]] = {
    "dull": (_dull,),
    "parroted": (_parroted,),
    "repetitive": (_looped, _resaid),
    "rude": (_rude, _rude_before_reply),
    "broken": (_broken,),
    "too_long": (_rambling, _listing),
    "off_topic": (_off_topic,),
    "off_persona": (_other_speaker, _assistant),
    "contradiction": (_twin, _opposite, _retold, _denied),
}


def _answer(context: Context, reply: str) -> Dialogue:
    return Dialogue(turns=context.turns, reply=reply, facts=context.facts)


def _bare(text: str) -> str:
    return text.replace("\n", "").rstrip("。！？!?…")


def _topic(context: Context) -> str:
    words: list[str] = _TOPIC_WORD.findall(context.user) or _TOPIC_WORD.findall(context.reply)
    return max(words, key=len) if words else "それ"
