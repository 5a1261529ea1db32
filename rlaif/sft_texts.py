"""A dialogue as the regressor reads it: a transcript without names, and who spoke each token.

The speakers are called by the order in which they first spoke. So the two people who rated one
dialogue share its tokens, which are then read once, and differ only in whose tokens are whose.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from transformers import PreTrainedTokenizerBase

from persona.engine import Message
from rlaif.evaluator import Dialogue
from rlaif.rated_dialogues import RatedDialogue

READING_VERSION = 1
"""Raised when the same dialogue would be read as other tokens."""

_NAMES = ("Ａ", "Ｂ")


class Seat(IntEnum):
    """Whose token it is. REPLY is the last thing that the rated one said."""

    NOBODY = 0
    RATER = 1
    RATED = 2
    REPLY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """ids: tokens. seats: a `Seat` for each of them."""

    ids: tuple[int, ...]
    seats: tuple[int, ...]


def read_rated_dialogue(
    tokenizer: PreTrainedTokenizerBase, one: RatedDialogue, max_tokens: int
) -> Reading:
    """A whole dialogue from its rater's seat."""
    return _read(tokenizer, one.messages, (), max_tokens)


def read_dialogue(tokenizer: PreTrainedTokenizerBase, one: Dialogue, max_tokens: int) -> Reading:
    """Facts, turns and the reply that is to be judged."""
    reply = Message(role="assistant", content=one.reply)
    return _read(tokenizer, (*one.turns, reply), one.facts, max_tokens)


def _read(
    tokenizer: PreTrainedTokenizerBase,
    messages: Sequence[Message],
    facts: Sequence[str],
    max_tokens: int,
) -> Reading:
    spoken = [message for message in messages if message.role != "system"]
    last = max((n for n, m in enumerate(spoken) if m.role == "assistant"), default=-1)
    ids: list[int] = []
    seats: list[int] = []

    def add(line: str, seat: Seat) -> None:
        tokens = tokenizer.encode(f"{_one_line(line)}\n", add_special_tokens=False)
        ids.extend(tokens)
        seats.extend([seat] * len(tokens))

    for fact in facts:
        add(f"メモ：{fact}", Seat.NOBODY)
    for place, message in enumerate(spoken):
        name = _NAMES[message.role != spoken[0].role]
        seat = Seat.RATER if message.role == "user" else Seat.RATED
        add(f"{name}：{message.content}", Seat.REPLY if place == last else seat)
    opening = [] if tokenizer.bos_token_id is None else [int(tokenizer.bos_token_id)]
    return Reading(
        ids=(*opening, *ids[-max_tokens:]),
        seats=(*[int(Seat.NOBODY)] * len(opening), *seats[-max_tokens:]),
    )


def _one_line(text: str) -> str:
    return text.replace("\n", " ")
