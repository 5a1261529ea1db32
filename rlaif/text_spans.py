"""Where in a dialogue a token stands: which of its texts, and which characters of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from transformers import PreTrainedTokenizerBase

from rlaif.evaluator import Dialogue

Part = Literal["reply", "turn", "fact"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSpan:
    """Characters `start`..`end` of the reply, of turn number `at` or of fact number `at`."""

    part: Part
    at: int
    start: int
    end: int


def text_of(dialogue: Dialogue, part: Part, at: int) -> str:
    """One of a dialogue's texts."""
    if part == "reply":
        return dialogue.reply
    return dialogue.turns[at].content if part == "turn" else dialogue.facts[at]


def text_at(dialogue: Dialogue, span: TextSpan) -> str:
    """The characters of a span."""
    return text_of(dialogue, span.part, span.at)[span.start : span.end]


def piece_spans(
    tokenizer: PreTrainedTokenizerBase, dialogue: Dialogue, *, with_context: bool
) -> tuple[TextSpan, ...]:
    """The pieces of the reply, and before it those of facts and turns if they are wanted.

    A piece is a token; tokens that share a character (bytes of a rare one) are one piece. The pieces
    of a text cover it.
    """
    texts: list[tuple[Part, int, str]] = [("reply", 0, dialogue.reply)]
    if with_context:
        facts: list[tuple[Part, int, str]] = [("fact", n, f) for n, f in enumerate(dialogue.facts)]
        turns: list[tuple[Part, int, str]] = [
            ("turn", n, turn.content) for n, turn in enumerate(dialogue.turns)
        ]
        texts = [*facts, *turns, *texts]
    return tuple(
        TextSpan(part=part, at=at, start=start, end=end)
        for part, at, text in texts
        for start, end in _pieces(tokenizer, text)
    )


def spread_over(
    pieces: Sequence[TextSpan], figures: Iterable[tuple[TextSpan, float]]
) -> tuple[float, ...]:
    """Give each figure of a token to the piece its beginning lies in; pieces no token names get 0."""
    sums = [0.0] * len(pieces)
    for span, figure in figures:
        for n, piece in enumerate(pieces):
            same = (piece.part, piece.at) == (span.part, span.at)
            if same and piece.start <= span.start < piece.end:
                sums[n] += figure
                break
    return tuple(sums)


def _pieces(tokenizer: PreTrainedTokenizerBase, text: str) -> list[tuple[int, int]]:
    read = tokenizer(text.replace("\n", " "), add_special_tokens=False, return_offsets_mapping=True)
    starts = sorted({start for start, end in read["offset_mapping"] if end > start} | {0})
    ends = [*starts[1:], len(text)]
    return [(start, end) for start, end in zip(starts, ends, strict=True) if end > start]
