"""The part of the report that needs no ratings: does an evaluator see faults, and does order sway it?"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from persona.card import Card
from persona.dialogues import read_card_rows
from persona.importers.report import ImportedRow, Rating
from rlaif.agreement_statistics import Floats
from rlaif.cached_verdicts import cached_verdicts
from rlaif.evaluator import Assessment, Evaluator, Unscored
from rlaif.faults import Example
from rlaif.fit_data import DataPlan, make_sides
from rlaif.head_figures import FaultFigures, fault_figures
from rlaif.measurement_cache import MeasurementCache
from rlaif.metrics import METRIC_KEYS
from rlaif.rated_dialogues import RatedDialogue

_BATCH = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultReport:
    """AUC by kind of fault, on contexts and wordings that no heads of ours were fitted on. good: the
    twelve impressions of the replies people gave, [replies, 12], and the dialogues they are from."""

    contexts: int
    figures: Mapping[str, FaultFigures]
    unscored: Mapping[str, int]
    good: Floats
    good_groups: tuple[str, ...]


def fault_examples(data: Sequence[RatedDialogue], card: Card, contexts: int) -> list[Example]:
    """Accepted replies and every fault made of them: half of the `contexts` from chats of raters put
    aside as in fitting, half from the card's dialogues that were held out (all from the card when
    the data name too few raters)."""
    plan = DataPlan(
        chat_contexts=0,
        card_contexts=0,
        rated_extra=0,
        held_out_chats=contexts // 2,
        held_out_card=contexts,
    )
    own = read_card_rows(card.folder, "validation", "test")
    examples = make_sides(_as_rows(data), (), own, plan).held_out
    chats = _of_first([one for one in examples if one.context.voice == "person"], contexts // 2)
    left = contexts - _contexts(chats)
    return chats + _of_first([one for one in examples if one.context.voice == "persona"], left)


def fault_report(
    evaluator: Evaluator,
    examples: Sequence[Example],
    cache: MeasurementCache,
    report: Callable[[str, float], None],
) -> FaultReport:
    """Score all examples; those the evaluator fails on are left out and counted. Raises EvaluatorError."""
    verdicts = cached_verdicts(
        evaluator,
        [one.dialogue for one in examples],
        cache,
        lambda done, total: report(
            f"scoring {total} replies with and without faults", done / total
        ),
        batch=_BATCH,
    )
    scored = [
        (example, verdict)
        for example, verdict in zip(examples, verdicts, strict=True)
        if isinstance(verdict, Assessment)
    ]
    values = np.array(
        [[verdict.values[key] for key in METRIC_KEYS] for _, verdict in scored], dtype=np.float64
    ).reshape(len(scored), len(METRIC_KEYS))
    kept = [example for example, _ in scored]
    good = [n for n, example in enumerate(kept) if example.maker == "given"]
    return FaultReport(
        contexts=_contexts(examples),
        figures=fault_figures(kept, values),
        unscored=dict(Counter(one.reason for one in verdicts if isinstance(one, Unscored))),
        good=values[good],
        good_groups=tuple(kept[n].context.group for n in good),
    )


def _of_first(examples: Sequence[Example], contexts: int) -> list[Example]:
    """The examples of the first contexts; each context begins with the reply that was given."""
    begins = [n for n, example in enumerate(examples) if example.maker == "given"]
    return list(examples if len(begins) <= contexts else examples[: begins[max(contexts, 0)]])


def _contexts(examples: Sequence[Example]) -> int:
    return sum(example.maker == "given" for example in examples)


def _as_rows(data: Sequence[RatedDialogue]) -> list[ImportedRow]:
    """Each whole dialogue once, with the names of all who rated it: faults ask for no more."""
    raters: dict[str, list[str]] = {}
    first: dict[str, RatedDialogue] = {}
    for one in data:
        if one.only_reply or one.personal:
            continue
        raters.setdefault(one.group, []).append(one.rater)
        first.setdefault(one.group, one)
    return [
        ImportedRow(
            id=group,
            messages=one.messages,
            licence=one.licence,
            speaker=one.system or None,
            ratings=tuple(Rating(rater=rater, scores=()) for rater in raters[group] if rater),
        )
        for group, one in first.items()
    ]
