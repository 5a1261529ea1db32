"""The one prompt: chat, training, candidates and judges all build their messages here.

Order serves the key-value cache: what never changes (who she is, how she speaks, the rules) comes
first, then the conversation so far, and only beside the user's newest words the retrieved facts.
Facts of earlier turns are left out of the history, so that a turn's prefix is the one before it.
"""

import re
from collections.abc import Sequence

from persona.card import Card
from persona.engine import Message

WANTED_CHARACTERS = 30

_FACTS_MARK = "【覚え書き】"
_USER_MARK = "【話しかけ】"
_TURN_MARKER = re.compile(
    r"<(\|?/?[A-Za-z][\w|./-]{0,40}\|?)>|\[(/?(?:INST|SYS))\]|^(USER|ASSISTANT|システム|ユーザー|設定)[:：]",
    re.IGNORECASE | re.MULTILINE,
)


def build_messages(
    card: Card, history: Sequence[Message], user_text: str, facts: Sequence[str]
) -> tuple[Message, ...]:
    """Messages for a reply to `user_text`, with `facts` (best first, may be empty) beside it."""
    return (
        Message(role="system", content=system_text(card)),
        *_spoken(history),
        Message(role="user", content=user_turn(user_text, facts)),
    )


def build_messages_without_retrieval(
    card: Card, history: Sequence[Message], user_text: str, facts: Sequence[str]
) -> tuple[Message, ...]:
    """The second prompt of the seed: every fact in the system turn and none beside the user."""
    return (
        Message(role="system", content=f"{system_text(card)}\n{_listed(facts)}"),
        *_spoken(history),
        Message(role="user", content=neutralise(user_text)),
    )


def system_text(card: Card) -> str:
    """The unchanging part: person, voice, rules and the length that is wanted."""
    endings = "」「".join(card.endings[:3])
    return (
        f"あなたは{card.name}、{card.age}歳。一人称は「{card.first_person}」、語尾は「{endings}」。"
        f"{''.join(card.style_notes)}"
        f"覚え書きに答えがあればその言葉で答え、なければ知らないと言い、関係なければ触れない。"
        f"返事は{WANTED_CHARACTERS}字ほど。"
    )


def user_turn(user_text: str, facts: Sequence[str]) -> str:
    """The newest user turn with its facts; the bare text when there are none."""
    spoken = neutralise(user_text)
    if not facts:
        return spoken
    return f"{_listed(facts)}\n{_USER_MARK}\n{spoken}"


def neutralise(text: str) -> str:
    """`text` without anything a chat template or this prompt could take for a turn marker.

    The words stay readable: only the brackets and colons that make a marker change.
    """
    return _TURN_MARKER.sub(_disarmed, text).translate({ord("【"): "［", ord("】"): "］"})


def _disarmed(found: re.Match[str]) -> str:
    tag, bracketed, speaker = found.groups()
    if tag is not None:
        return f"＜{tag}＞"
    return f"［{bracketed}］" if bracketed is not None else f"{speaker}、"


def _listed(facts: Sequence[str]) -> str:
    # Facts too: operators add them from what visitors said.
    return "\n".join([_FACTS_MARK, *(f"・{neutralise(fact)}" for fact in facts)])


def _spoken(history: Sequence[Message]) -> list[Message]:
    return [Message(role=turn.role, content=neutralise(turn.content)) for turn in history]
