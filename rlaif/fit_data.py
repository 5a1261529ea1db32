"""The examples heads are fitted and tested on: two sides that share no dialogue, rater or wording."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from persona.dialogues import DialogueRow
from persona.importers.report import ImportedRow
from rlaif.fault_contexts import Context, card_contexts, rated_contexts, split_by_rater
from rlaif.faults import (
    FAULT_KINDS,
    Example,
    Half,
    Material,
    good_example,
    make_fault,
    stood_by,
)

_AGAIN_SHARE = 0.35


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPlan:
    """How much is made. Fitting contexts are spoilt with `faults_per_context` kinds each, held-out
    ones with every kind; rated_extra fitting contexts give only their real reply and its ratings.

    A larger plan of the same seed holds the examples of a smaller one, so cached features stay.
    """

    chat_contexts: int = 300
    card_contexts: int = 500
    rated_extra: int = 500
    faults_per_context: int = 4
    held_out_chats: int = 100
    held_out_card: int = 200
    rater_share_held_out: float = 0.3
    seed: int = 20


PlanSize = Literal["small", "full"]

PLANS: Mapping[PlanSize, DataPlan] = {
    "small": DataPlan(
        chat_contexts=130, card_contexts=230, rated_extra=150, held_out_chats=50, held_out_card=110
    ),
    "full": DataPlan(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Examples to fit on and examples never seen in fitting."""

    fit: tuple[Example, ...]
    held_out: tuple[Example, ...]


def make_sides(
    rated: Sequence[ImportedRow],
    card_fit: Sequence[DialogueRow],
    card_held_out: Sequence[DialogueRow],
    plan: DataPlan,
) -> Sides:
    """Examples of both sides, decided by `plan` alone."""
    rng = random.Random(plan.seed)
    raters = split_by_rater(rated, held_out_share=plan.rater_share_held_out, rng=rng)
    chats, other_chats = (
        _shuffled(rated_contexts(rows, per_dialogue=1, rng=rng), rng)
        for rows in (raters.fit, raters.held_out)
    )
    own, other_own = (_shuffled(card_contexts(rows), rng) for rows in (card_fit, card_held_out))
    # Extra chats come from the end of the list, so that both counts can grow apart.
    extra = chats[::-1][: plan.rated_extra]
    spoilt = _alternately(own[: plan.card_contexts], chats[: plan.chat_contexts])
    tested = _alternately(other_own[: plan.held_out_card], other_chats[: plan.held_out_chats])
    fit = _examples(spoilt, [*chats, *own], "fit", plan)
    held_out = _examples(tested, [*other_chats, *other_own], "held_out", plan)
    return Sides(
        fit=(*fit, *(good_example(context) for context in extra)), held_out=tuple(held_out)
    )


def _examples(
    contexts: Sequence[Context], all_contexts: Sequence[Context], half: Half, plan: DataPlan
) -> list[Example]:
    examples: list[Example] = []
    faults = plan.faults_per_context if half == "fit" else len(FAULT_KINDS)
    for number, context in enumerate(contexts):
        rng = random.Random(f"{plan.seed} {half} {number} {context.group}")
        material = Material(half=half, contexts=all_contexts, rng=rng)
        examples.append(good_example(context))
        again = stood_by(context, material) if rng.random() < _AGAIN_SHARE else None
        spoilt = (
            make_fault(kind, context, material)
            for kind in rng.sample(FAULT_KINDS, k=len(FAULT_KINDS))
        )
        made = [example for example in spoilt if example is not None]
        examples.extend([*([again] if again is not None else []), *made[:faults]])
    return examples


def _shuffled(contexts: Sequence[Context], rng: random.Random) -> list[Context]:
    return rng.sample(contexts, len(contexts))


def _alternately(one: Sequence[Context], other: Sequence[Context]) -> list[Context]:
    """Both lists mixed evenly, so that any beginning holds its share of each."""
    places = chain(
        ((n / len(one), 0, c) for n, c in enumerate(one)),
        ((n / len(other), 1, c) for n, c in enumerate(other)),
    )
    return [context for _, _, context in sorted(places, key=lambda item: item[:2])]
