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
from rlaif.text_spans import Part, TextSpan

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


def read_spans(
    tokenizer: PreTrainedTokenizerBase, one: Dialogue, max_tokens: int
) -> tuple[TextSpan | None, ...]:
    """Whose characters each token of `read_dialogue` is; None for what frames the texts."""
    reply = Message(role="assistant", content=one.reply)
    spans: list[TextSpan | None] = []
    for line in _lines((*one.turns, reply), one.facts):
        read = tokenizer(line.text, add_special_tokens=False, return_offsets_mapping=True)
        length = len(line.text) - line.head - 1
        for start, end in read["offset_mapping"]:
            own = max(start - line.head, 0), min(end - line.head, length)
            spans.append(
                TextSpan(part=line.part, at=line.at, start=own[0], end=own[1])
                if own[0] < own[1]
                else None
            )
    opening = [] if tokenizer.bos_token_id is None else [None]
    return (*opening, *spans[-max_tokens:])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One line of the transcript, closed by its break; the text itself begins at `head`."""

    text: str
    head: int
    seat: Seat
    part: Part
    at: int


def _lines(messages: Sequence[Message], facts: Sequence[str]) -> list[_Line]:
    spoken = [(n, m) for n, m in enumerate(messages) if m.role != "system"]
    last = max((n for n, m in spoken if m.role == "assistant"), default=-1)
    lines = [
        _Line(text=f"メモ：{_one_line(fact)}\n", head=3, seat=Seat.NOBODY, part="fact", at=n)
        for n, fact in enumerate(facts)
    ]
    for n, message in spoken:
        name = _NAMES[message.role != spoken[0][1].role]
        seat = Seat.RATER if message.role == "user" else Seat.RATED
        lines.append(
            _Line(
                text=f"{name}：{_one_line(message.content)}\n",
                head=2,
                seat=Seat.REPLY if n == last else seat,
                part="reply" if n == last else "turn",
                at=0 if n == last else n,
            )
        )
    return lines


def _read(
    tokenizer: PreTrainedTokenizerBase,
    messages: Sequence[Message],
    facts: Sequence[str],
    max_tokens: int,
) -> Reading:
    ids: list[int] = []
    seats: list[int] = []
    for line in _lines(messages, facts):
        tokens = tokenizer.encode(line.text, add_special_tokens=False)
        ids.extend(tokens)
        seats.extend([line.seat] * len(tokens))
    opening = [] if tokenizer.bos_token_id is None else [int(tokenizer.bos_token_id)]
    return Reading(
        ids=(*opening, *ids[-max_tokens:]),
        seats=(*[int(Seat.NOBODY)] * len(opening), *seats[-max_tokens:]),
    )


def _one_line(text: str) -> str:
    return text.replace("\n", " ")
