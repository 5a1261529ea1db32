"""What stands on a blind sheet, and in which order a person sees the versions' replies."""

import hashlib
import random
from collections.abc import Sequence

from persona.dialogues import DialogueRow, Kind
from rlaif.errors import RankingError
from store.sheets import NewItem

# Everyday talk of the card's test split. No training reads that split and no gate does (gates have
# the validation split and probes of their own); facts and refusals have a right answer, which is not
# a matter of impressions.
KINDS: tuple[Kind, ...] = ("style", "multi")


def held_out_prompts(rows: Sequence[DialogueRow]) -> tuple[DialogueRow, ...]:
    """The rows whose prompts may stand on a sheet."""
    return tuple(row for row in rows if row.split == "test" and row.kind in KINDS)


def plan_items(
    rows: Sequence[DialogueRow], *, metrics: Sequence[str], prompts: int, seed: int
) -> tuple[NewItem, ...]:
    """`prompts` items for each metric, the metrics taking turns.

    Prompts differ from metric to metric as long as they last, for more prompts tell more than more
    ratings of one. Raises RankingError when a metric would get a prompt twice.
    """
    if not 1 <= prompts <= len(rows):
        raise RankingError(
            f"the sheet is to have {prompts} prompts per metric; expected 1 to {len(rows)}, as many "
            "as the card's test dialogues hold"
        )
    drawn = list(rows)
    random.Random(f"sheet {seed}").shuffle(drawn)
    return tuple(
        _item(metric, drawn[(place * prompts + turn) % len(drawn)])
        for turn in range(prompts)
        for place, metric in enumerate(metrics)
    )


def shown_order(
    versions: Sequence[str], *, sheet: str, seed: int, number: int, operator: str
) -> tuple[str, ...]:
    """The versions in the order in which one person sees their replies to one item."""
    order = list(versions)
    random.Random(f"order {sheet} {seed} {number} {operator}").shuffle(order)
    return tuple(order)


def reply_seed(seed: int, prompt: str) -> int:
    """The seed by which all versions answer a prompt, below 2**31."""
    digest = hashlib.sha256(f"reply {seed} {prompt}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % 2**31


def _item(metric: str, row: DialogueRow) -> NewItem:
    return NewItem(
        metric=metric,
        prompt=row.id,
        question=row.user,
        history=tuple(message.content for message in row.history),
        facts=row.facts,
    )
