"""Which rows a regressor is fitted on, stopped by and measured on, and how many the machine bears."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from transformers import PreTrainedTokenizerBase

from rlaif.faults import Example
from rlaif.rated_data import sample_dialogues
from rlaif.rated_dialogues import RatedDialogue
from rlaif.sft_rows import FitRows
from rlaif.sft_settings import RegressorSettings
from rlaif.sft_targets import RatingScale, Table, Targets, fault_targets, rated_targets
from rlaif.sft_texts import read_dialogue, read_rated_dialogue


@dataclass(frozen=True, slots=True, kw_only=True)
class RowBudget:
    """Whole dialogues drawn for fitting, for stopping, for the report; None for all there are."""

    fit: int | None = 600
    validation: int | None = 150
    test: int | None = 400
    seed: int = 20


def drawn_rows(
    data: Sequence[RatedDialogue], places: Sequence[int], count: int | None, seed: int
) -> list[int]:
    """Places of `count` whole dialogues, fairly drawn over raters, in order."""
    rows = [data[place] for place in places]
    chosen = rows if count is None else sample_dialogues(rows, count, seed)
    groups = {one.group for one in chosen}
    return [place for place in places if data[place].group in groups]


def rated_rows(
    data: Sequence[RatedDialogue],
    scale: RatingScale,
    settings: RegressorSettings,
    tokenizer: PreTrainedTokenizerBase,
) -> FitRows:
    """Rows of rated dialogues."""
    return FitRows(
        readings=tuple(read_rated_dialogue(tokenizer, one, settings.max_tokens) for one in data),
        targets=rated_targets(data, scale, settings.target),
        groups=tuple(one.group for one in data),
        sources=tuple("rated" for _ in data),
    )


def made_rows(
    examples: Sequence[Example],
    scale: RatingScale,
    rated: Targets,
    settings: RegressorSettings,
    tokenizer: PreTrainedTokenizerBase,
) -> FitRows:
    """Rows of accepted and spoilt replies, weighed against the ratings beside them."""
    return FitRows(
        readings=tuple(
            read_dialogue(tokenizer, one.dialogue, settings.max_tokens) for one in examples
        ),
        targets=fault_targets(examples, scale, _fault_weight(rated, settings)),
        groups=tuple(one.context.group for one in examples),
        sources=tuple("made" for _ in examples),
    )


def fingerprint(base_sha256: str, settings: RegressorSettings, parts: Sequence[FitRows]) -> str:
    """Names a run by all that decides its weights."""
    digest = hashlib.sha256(json.dumps([base_sha256, asdict(settings)]).encode())
    for rows in parts:
        texts = [[one.ids, one.seats] for one in rows.readings]
        digest.update(json.dumps([texts, rows.groups, rows.sources]).encode())
        digest.update(rows.targets.value.tobytes() + rows.targets.weight.tobytes())
    return digest.hexdigest()[:12]


def _fault_weight(rated: Targets, settings: RegressorSettings) -> Table:
    """[12]: a share of an impression's ratings; of one that nobody rated, of the usual number."""
    known: Table = rated.weight.sum(0)
    usual = known[known > 0].mean() if (known > 0).any() else 1.0
    weight: Table = np.where(known > 0, known, usual) * settings.fault_share
    return weight
