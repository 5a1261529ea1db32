"""Pairs of replies of which it is known which is the better: the given one over the same spoilt."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from persona.dialogues import DialogueRow
from rlaif.errors import EvaluatorError
from rlaif.evaluator import Dialogue
from rlaif.fault_contexts import card_contexts
from rlaif.faults import FAULT_KINDS, FaultKind, Material, make_fault


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPair:
    """A context with its reply, the better one, and a worse one. `fault`: what was spoilt."""

    dialogue: Dialogue
    worse: str
    fault: FaultKind | None = None


def fault_pairs(rows: Sequence[DialogueRow], count: int, *, seed: int = 7) -> list[KnownPair]:
    """Return `count` pairs from card rows, the kinds of fault in turn, in wordings that no
    evaluator was fitted on.

    Only faults that stand in the reply itself: both replies answer the same words. The same rows,
    count and seed give the same pairs. Raises EvaluatorError when the rows cannot give so many.
    """
    rng = random.Random(seed)
    contexts = card_contexts(rows)
    rng.shuffle(contexts)
    material = Material(half="held_out", contexts=contexts, rng=rng)
    pairs: list[KnownPair] = []
    for context in contexts:
        if len(pairs) == count:
            break
        fault = FAULT_KINDS[len(pairs) % len(FAULT_KINDS)]
        spoilt = make_fault(fault, context, material)
        if spoilt is None or spoilt.dialogue.turns != context.turns:
            continue
        given = Dialogue(turns=context.turns, reply=context.reply, facts=context.facts)
        pairs.append(KnownPair(dialogue=given, worse=spoilt.dialogue.reply, fault=fault))
    if len(pairs) < count:
        raise EvaluatorError(
            f"the card's rows give {len(pairs)} pairs; expected {count}: ask for fewer, or add "
            "dialogues to the card"
        )
    return pairs
