"""Replies of hers and of others, for fitting a classifier of her voice and for measuring it."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from persona.dialogues import DialogueRow
from persona.importers.report import ImportedRow
from rlaif.fault_contexts import rated_contexts
from rlaif.fault_phrases import (
    ASSISTANT,
    DULL,
    OTHER_SPEAKERS_FIT,
    OTHER_SPEAKERS_HELD_OUT,
    PARROT,
    RAMBLES,
    Phrases,
)
from rlaif.faults import Half
from rlaif.persona_likeness_revoice import (
    PRONOUNS,
    RARE_PRONOUNS,
    Revoice,
    as_friends_talk,
    other_pronoun,
    other_speaker,
    plain_polite,
)
from rlaif.rude_phrases import RUDE

Origin = Literal[
    "hers",
    "other_speaker",
    "other_pronoun",
    "rare_pronoun",
    "plain_polite",
    "plain_endings",
    "assistant",
    "person",
    "people",
]
"""hers: rows of the card. Then her rows in another voice, wordings of assistants and of people in
general, and replies of real people. rare_pronoun is never fitted on."""

REVOICED: tuple[Origin, ...] = ("other_speaker", "other_pronoun", "plain_polite", "plain_endings")
APART: tuple[Origin, ...] = ("rare_pronoun",)
"""Reported, but no part of the accuracy."""

_PER_DIALOGUE = 2
_TOPIC = re.compile("[一-龥々]{2,6}|[ァ-ヶー]{3,8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LikenessExample:
    """A reply, whether it is hers, where it comes from, and the topic or dialogue it belongs to."""

    text: str
    hers: bool
    origin: Origin
    group: str


def revoices(half: Half) -> Mapping[Origin, Revoice]:
    """How her rows are told by others; speakers of the halves differ, the other rules do not."""
    speakers = OTHER_SPEAKERS_FIT if half == "fit" else OTHER_SPEAKERS_HELD_OUT
    return {
        "other_speaker": other_speaker(speakers),
        "other_pronoun": other_pronoun(PRONOUNS),
        "rare_pronoun": other_pronoun(RARE_PRONOUNS),
        "plain_polite": plain_polite,
        "plain_endings": as_friends_talk,
    }


def her_replies(rows: Sequence[DialogueRow]) -> list[LikenessExample]:
    """The card's own replies; lines for people in distress are left out, which anyone might say."""
    return [
        LikenessExample(text=row.reply, hers=True, origin="hers", group=row.topic)
        for row in rows
        if row.kind != "safety"
    ]


def revoiced(
    hers: Sequence[LikenessExample], origin: Origin, half: Half, rng: random.Random
) -> list[LikenessExample]:
    """Her replies in another voice; those that the rule leaves as they are say nothing."""
    tell = revoices(half)[origin]
    told = [(one, tell(one.text, rng)) for one in hers]
    return [
        LikenessExample(text=text, hers=False, origin=origin, group=one.group)
        for one, text in told
        if text != one.text
    ]


def with_her_pronoun(hers: Sequence[LikenessExample], pronoun: str) -> list[LikenessExample]:
    """Her replies that lack her pronoun, with it in front: as often right as a foreign one wrong."""
    return [
        LikenessExample(text=f"{pronoun}、{one.text}", hers=True, origin="hers", group=one.group)
        for one in hers
        if pronoun not in one.text
    ]


def worded(
    rows: Sequence[DialogueRow], half: Half, rng: random.Random, count: int
) -> list[LikenessExample]:
    """What assistants and people in general say, with words of the rows in its blanks."""
    found: dict[str, LikenessExample] = {}
    for _ in range(4 * count):
        if len(found) >= count:
            break
        origin, phrases = rng.choice(_WORDINGS)
        row = rng.choice(rows)
        text = _filled(rng.choice(phrases.fit if half == "fit" else phrases.held_out), row)
        found.setdefault(
            text, LikenessExample(text=text, hers=False, origin=origin, group=row.topic)
        )
    return list(found.values())


def people_replies(
    rows: Sequence[ImportedRow], count: int, rng: random.Random
) -> list[LikenessExample]:
    """Replies of real people, at most two of a dialogue, greetings and masked texts left out."""
    contexts = rated_contexts(rows, per_dialogue=_PER_DIALOGUE, rng=rng)
    rng.shuffle(contexts)
    return [
        LikenessExample(text=one.reply, hers=False, origin="people", group=one.group)
        for one in contexts[:count]
    ]


_WORDINGS: tuple[tuple[Origin, Phrases], ...] = (
    ("assistant", ASSISTANT),
    ("assistant", ASSISTANT),
    ("person", DULL["person"]),
    ("person", PARROT["person"]),
    ("person", RAMBLES["person"]),
    ("person", RUDE["person"]),
)


def _filled(phrase: str, row: DialogueRow) -> str:
    topics: list[str] = _TOPIC.findall(row.user)
    blanks = {"user": row.user.rstrip("。！？!?…"), "topic": max(topics, key=len, default="それ")}
    return re.sub(r"\{(user|topic)\}", lambda found: blanks[found[1]], phrase)
