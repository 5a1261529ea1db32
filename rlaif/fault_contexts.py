"""Real contexts with a reply that people accepted: from rated chats and from a card's dialogues.

No dialogue, no rater, no topic is on both sides of the split.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from persona.dialogues import DialogueRow
from persona.engine import Message
from persona.importers.report import ImportedRow
from rlaif.fault_phrases import Voice

MAX_TURNS = 3
"""Turns before the reply that are kept of a long chat."""
_GREETING_TURNS = 4
_SHORTEST, _LONGEST = 8, 110


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Turns, facts, the reply that was really given, and what it may be spoilt with.

    `group` is the dialogue or topic it comes from. `ratings` are of the partner who read the
    reply, each the rater's own deviation from their mean in their own standard deviations.
    `twin` answers the same question after another fact.
    """

    group: str
    voice: Voice
    turns: tuple[Message, ...]
    facts: tuple[str, ...]
    reply: str
    ratings: Mapping[str, float] = field(default_factory=dict)
    twin: str | None = None

    @property
    def user(self) -> str:
        """What the visitor said last."""
        return self.turns[-1].content

    @property
    def said(self) -> tuple[str, ...]:
        """What the one who replies said before."""
        return tuple(turn.content for turn in self.turns if turn.role == "assistant")


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedSplit:
    """Rated dialogues by raters: nobody who rates in one list speaks in the other."""

    fit: tuple[ImportedRow, ...]
    held_out: tuple[ImportedRow, ...]


def split_by_rater(
    rows: Sequence[ImportedRow], *, held_out_share: float, rng: random.Random
) -> RatedSplit:
    """Put a share of the raters aside; dialogues between the two sides are left out."""
    raters = sorted({rating.rater for row in rows for rating in row.ratings})
    rng.shuffle(raters)
    aside = frozenset(raters[: round(len(raters) * held_out_share)])
    fit, held_out = [], []
    for row in rows:
        sides = {rating.rater in aside for rating in row.ratings}
        if sides == {False}:
            fit.append(row)
        elif sides == {True}:
            held_out.append(row)
    return RatedSplit(fit=tuple(fit), held_out=tuple(held_out))


def standardised_ratings(rows: Sequence[ImportedRow]) -> dict[tuple[str, str], dict[str, float]]:
    """{(dialogue id, rater): {rating name: z}} within each rater.

    A rater's habit is half of a rating's variance, and at use there is no rater: only what a
    rater says of one dialogue against another can be learnt. Raters with fewer than five
    dialogues are left out, and so are ratings that a rater never varied.
    """
    by_rater: dict[str, list[tuple[str, dict[str, float]]]] = {}
    for row in rows:
        for rating in row.ratings:
            by_rater.setdefault(rating.rater, []).append((row.id, dict(rating.scores)))
    result: dict[tuple[str, str], dict[str, float]] = {}
    for rater, given in by_rater.items():
        if len(given) < 5:
            continue
        for name in given[0][1]:
            values = [scores[name] for _, scores in given]
            mean = sum(values) / len(values)
            deviation = (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5
            if deviation == 0:
                continue
            for row_id, scores in given:
                result.setdefault((row_id, rater), {})[name] = (scores[name] - mean) / deviation
    return result


def rated_contexts(
    rows: Sequence[ImportedRow], *, per_dialogue: int, rng: random.Random
) -> list[Context]:
    """Contexts from rated chats, `per_dialogue` of each, greetings and masked texts left out.

    The second speaker replies; the ratings are the first speaker's, who read those replies.
    """
    ratings = standardised_ratings(rows)
    contexts: list[Context] = []
    for row in rows:
        places = [n for n in range(_GREETING_TURNS, len(row.messages)) if _usable(row, n)]
        rng.shuffle(places)
        reader = next((r.rater for r in row.ratings if r.rater != row.speaker), "")
        contexts.extend(
            Context(
                group=f"chat-{row.id}",
                voice="person",
                turns=tuple(row.messages[max(0, n - MAX_TURNS) : n]),
                facts=(),
                reply=row.messages[n].content.replace("\n", ""),
                ratings=ratings.get((row.id, reader), {}),
            )
            for n in sorted(places[:per_dialogue])
        )
    return contexts


def _usable(row: ImportedRow, place: int) -> bool:
    message = row.messages[place]
    near = [turn.content for turn in row.messages[place - 1 : place + 1]]
    return (
        message.role == "assistant"
        and _SHORTEST <= len(message.content) <= _LONGEST
        and len(near[0]) <= _LONGEST
        and not any("<" in text or "＊" in text for text in near)
    )


def card_contexts(rows: Sequence[DialogueRow]) -> list[Context]:
    """Contexts from a card's dialogues; rows about safety and identity are left out.

    A fact row knows the reply to the same question after another fact.
    """
    by_twin: dict[str, list[DialogueRow]] = {}
    for row in rows:
        if row.twin is not None:
            by_twin.setdefault(row.twin, []).append(row)
    contexts = []
    for row in rows:
        if row.kind in ("safety", "identity"):
            continue
        others = [o for o in by_twin.get(row.twin or "", []) if o is not row]
        contexts.append(
            Context(
                group=row.id.rsplit("-", 1)[0],
                voice="persona",
                turns=(*row.history, Message(role="user", content=row.user)),
                facts=row.facts,
                reply=row.reply,
                twin=others[0].reply if others else None,
            )
        )
    return contexts
