"""A dialogue as the base model reads it: a transcript, and where in it each text stands."""

from collections.abc import Sequence

from rlaif.evaluator import Dialogue
from rlaif.text_spans import Part, TextSpan

_SPEAKERS = {"user": "Ａ", "assistant": "Ｂ", "system": "Ａ"}
ALONE = f"{_SPEAKERS['assistant']}："


def context_texts(dialogue: Dialogue) -> tuple[str, str]:
    """The transcript up to the reply, with and without the facts."""
    turns = "".join(f"{_SPEAKERS[t.role]}：{line(t.content)}\n" for t in dialogue.turns)
    unaided = f"{turns}{ALONE}"
    # The base model is no chat model: it goes on with a transcript better than with a template.
    facts = "".join(f"メモ：{line(fact)}\n" for fact in dialogue.facts)
    return facts + unaided, unaided


def text_places(dialogue: Dialogue) -> list[tuple[Part, int, int, int]]:
    """Part, number, start and end of every text in the aided transcript."""
    places: list[tuple[Part, int, int, int]] = []
    end = 0
    for n, fact in enumerate(dialogue.facts):
        start = end + len("メモ：")
        places.append(("fact", n, start, start + len(fact)))
        end = start + len(fact) + 1
    for n, turn in enumerate(dialogue.turns):
        start = end + len(_SPEAKERS[turn.role]) + 1
        places.append(("turn", n, start, start + len(turn.content)))
        end = start + len(turn.content) + 1
    return places


def span_at(places: Sequence[tuple[Part, int, int, int]], start: int, end: int) -> TextSpan | None:
    """Whose characters the transcript's characters `start`..`end` are; None for the frame."""
    for part, at, first, last in places:
        if start < last and end > first:
            return TextSpan(
                part=part, at=at, start=max(start, first) - first, end=min(end, last) - first
            )
    return None


def line(text: str) -> str:
    """A text in one line, as long as it was."""
    return text.replace("\n", " ")
