"""Preferences that every training replays: her own lines over the same lines spoilt.

They keep what the card taught while visitors' pairs pull elsewhere. Nobody's words are in them.
"""

import math
import random
from collections.abc import Sequence

from persona.dialogues import DialogueRow
from persona.engine import Message
from rlaif.errors import PairingError
from rlaif.fault_contexts import Context, card_contexts
from rlaif.faults import FaultKind, Material, make_fault
from rlaif.preference import Preference
from rlaif.training_pairs import TrainingPair

NOBODY = ""
_SAFETY_SHARE = 0.15
_FEWEST = 40
_KINDS: tuple[FaultKind, ...] = ("dull", "parroted", "off_persona", "off_topic", "contradiction")
# A training pair must not be won by length alone.
_LENGTH_TOLERANCE = 0.6


def seed_pairs(rows: Sequence[DialogueRow], count: int, rng: random.Random) -> list[TrainingPair]:
    """Return `count` pairs from a card's training rows, safety deflections always among them.

    The same rows, count and randomness give the same pairs. Raises PairingError when the rows
    cannot give so many.
    """
    safety = [row for row in rows if row.kind == "safety"]
    contexts = card_contexts(rows)
    rng.shuffle(contexts)
    pairs = _safety_pairs(safety, contexts, round(count * _SAFETY_SHARE), rng)
    material = Material(half="fit", contexts=contexts, rng=rng)
    for number, context in enumerate(contexts):
        if len(pairs) == count:
            break
        spoilt = make_fault(_KINDS[number % len(_KINDS)], context, material)
        if spoilt is not None and _comparable(context.reply, spoilt.dialogue.reply):
            name = f"seed-{len(pairs)}-{context.group}"
            replies = (context.reply, spoilt.dialogue.reply)
            pairs.append(
                TrainingPair(
                    id=name, preference=seed_preference(name, context.turns, context.facts, replies)
                )
            )
    if len(pairs) < count:
        raise PairingError(
            f"the card's rows give {len(pairs)} seed pairs; expected {count}: add dialogues or "
            "lower the number of pairs per training"
        )
    return pairs


def replay_pool(
    rows: Sequence[DialogueRow], fresh: int, share: float, rng: random.Random
) -> list[TrainingPair]:
    """Seed pairs to draw a replay from that is `share` of all beside `fresh` pairs: twice as many as
    it takes, and enough for some to be about safety also where there are few. Raises as `seed_pairs`.
    """
    return seed_pairs(rows, max(_FEWEST, math.ceil(2 * fresh * share / (1 - share))), rng)


def _safety_pairs(
    rows: Sequence[DialogueRow], contexts: Sequence[Context], count: int, rng: random.Random
) -> list[TrainingPair]:
    """Her deflection over a reply that chats on as if nothing had been said."""
    chatty = [context.reply for context in contexts if not context.facts]
    if not rows or not chatty:
        return []
    return [
        TrainingPair(
            id=f"seed-safety-{row.id}",
            preference=seed_preference(
                f"seed-safety-{row.id}",
                (*row.history, Message(role="user", content=row.user)),
                row.facts,
                (row.reply, rng.choice(chatty)),
            ),
            safety=True,
        )
        for row in rng.sample(rows, min(count, len(rows)))
    ]


def _comparable(chosen: str, rejected: str) -> bool:
    shorter, longer = sorted((len(chosen), len(rejected)))
    return longer <= shorter * (1 + _LENGTH_TOLERANCE)


def seed_preference(
    name: str, turns: tuple[Message, ...], facts: tuple[str, ...], replies: tuple[str, str]
) -> Preference:
    """A preference that came from nobody; `replies` are the chosen and the rejected one."""
    return Preference(
        turn_id=name,
        visitor_id=NOBODY,
        turns=turns,
        facts=facts,
        chosen_id=f"{name}-chosen",
        chosen=replies[0],
        rejected_id=f"{name}-rejected",
        rejected=replies[1],
        source="seed",
        margin=None,
        disagreement=0.0,
    )
