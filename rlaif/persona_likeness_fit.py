"""Fits the likeness model on a card's rows against others, and measures it on unseen ones."""

import math
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression

from persona.card import Card
from persona.dialogues import DialogueRow
from persona.estimates import Estimate, rate
from persona.importers.report import ImportedRow
from persona.voice import voice_ok
from rlaif.errors import EvaluatorError
from rlaif.fault_contexts import split_by_rater
from rlaif.persona_likeness import (
    LikenessModel,
    gram_set,
    likeness,
    likeness_figures,
    register_digest,
)
from rlaif.persona_likeness_data import (
    APART,
    REVOICED,
    LikenessExample,
    Origin,
    her_replies,
    people_replies,
    revoiced,
    with_her_pronoun,
    worded,
)

_FEWEST_ROWS = 100
_HELD_OUT_SHARE = 0.3
_DECIMALS = 3
HALF = 0.5
"""A text counts as hers from this probability on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LikenessSettings:
    """data_weight: the weight of the data against an L1 penalty on every weight, above 0.
    rarest: runs of letters in fewer replies are not looked at."""

    data_weight: float = 1.0
    rarest: int = 8
    seed: int = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class LikenessRun:
    """What to fit on and to measure with.

    rows: all splits of the card; `train` is fitted on, the others are measured with. people: real
    replies of others, by speaker on one side or the other; measured with only unless `fit_people`.
    """

    card: Card
    rows: Sequence[DialogueRow]
    people: Sequence[ImportedRow]
    fit_people: bool
    settings: LikenessSettings
    report: Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LikenessFigures:
    """accuracy: over as many replies of others as of hers, none of a topic, speaker or wording
    fitted on; rule_accuracy: of the card's register rules over the same replies. right: the share
    told right, by origin; rule_right: by the rules."""

    accuracy: Estimate
    rule_accuracy: Estimate
    right: Mapping[Origin, Estimate]
    rule_right: Mapping[Origin, Estimate]
    fitted: Mapping[Origin, int]


def fit_likeness(run: LikenessRun) -> tuple[LikenessModel, LikenessFigures]:
    """Raises EvaluatorError when the card has too few rows."""
    train = [row for row in run.rows if row.split == "train"]
    aside = [row for row in run.rows if row.split != "train"]
    if min(len(train), len(aside)) < _FEWEST_ROWS:
        raise EvaluatorError(
            f"the card '{run.card.id}' has {len(train)} rows to fit on and {len(aside)} to measure "
            f"with; expected {_FEWEST_ROWS} each: add dialogues"
        )
    people = split_by_rater(
        run.people, held_out_share=_HELD_OUT_SHARE, rng=random.Random(run.settings.seed)
    )
    fitted = _fit_side(run, train, people.fit if run.fit_people else ())
    run.report("fitting", 0.2)
    model = _fitted(run, fitted)
    run.report("measuring", 0.8)
    measured = _held_out_side(run, aside, people.held_out)
    balanced = _balanced(measured, run.settings.seed)

    def by_model(text: str) -> bool:
        return likeness(model, run.card, text) >= HALF

    def by_rule(text: str) -> bool:
        return voice_ok(text, run.card)

    figures = LikenessFigures(
        accuracy=_share_right(by_model, balanced),
        rule_accuracy=_share_right(by_rule, balanced),
        right=told_right(by_model, measured),
        rule_right=told_right(by_rule, measured),
        fitted=Counter(one.origin for one in fitted),
    )
    run.report("done", 1.0)
    return model, figures


def told_right(
    is_hers: Callable[[str], bool], examples: Sequence[LikenessExample]
) -> dict[Origin, Estimate]:
    """The share told right with Wilson's interval, for each origin that occurs."""
    piles = {
        origin: [one for one in examples if one.origin == origin] for origin in get_args(Origin)
    }
    return {origin: _share_right(is_hers, pile) for origin, pile in piles.items() if pile}


def _fit_side(
    run: LikenessRun, rows: Sequence[DialogueRow], people: Sequence[ImportedRow]
) -> list[LikenessExample]:
    """Every reply of hers against one other voice of it, and others of their own."""
    rng = random.Random(run.settings.seed)
    hers = her_replies(rows)
    pronounced = with_her_pronoun(
        rng.sample(hers, len(hers) // len(REVOICED)), run.card.first_person
    )
    others: list[LikenessExample] = []
    for origin in REVOICED:
        others += revoiced(rng.sample(hers, len(hers) // 2), origin, "fit", rng)
    others += worded(rows, "fit", rng, len(hers) // 4)
    others += people_replies(people, len(hers) // 2, rng)
    return [*hers, *pronounced, *others]


def _held_out_side(
    run: LikenessRun, rows: Sequence[DialogueRow], people: Sequence[ImportedRow]
) -> list[LikenessExample]:
    rng = random.Random(run.settings.seed + 1)
    hers = her_replies(rows)
    found = list(hers)
    for origin in (*REVOICED, *APART):
        found += revoiced(hers, origin, "held_out", rng)
    found += worded(rows, "held_out", rng, len(hers) // 2)
    return [*found, *people_replies(people, len(hers), rng)]


def _balanced(examples: Sequence[LikenessExample], seed: int) -> list[LikenessExample]:
    """All of hers and as many of the others, every origin as often as its number allows."""
    rng = random.Random(seed + 2)
    hers = [one for one in examples if one.hers]
    piles = [
        rng.sample(pile, len(pile))
        for origin in get_args(Origin)
        if origin not in APART
        and (pile := [one for one in examples if one.origin == origin and not one.hers])
    ]
    others: list[LikenessExample] = []
    while len(others) < len(hers) and any(piles):
        others += [pile.pop() for pile in piles if pile]
    return [*hers, *others[: len(hers)]]


def _share_right(is_hers: Callable[[str], bool], examples: Sequence[LikenessExample]) -> Estimate:
    found = rate([is_hers(one.text) == one.hers for one in examples])
    if found is None:
        raise EvaluatorError("there is nothing to measure with; expected rows put aside")
    return found


def _fitted(run: LikenessRun, examples: Sequence[LikenessExample]) -> LikenessModel:
    sets = [gram_set(one.text) for one in examples]
    counts = Counter(gram for found in sets for gram in found)
    kept = sorted(gram for gram, count in counts.items() if count >= run.settings.rarest)
    columns = {gram: at for at, gram in enumerate(kept)}
    entries = [
        (row, columns[gram], 1 / math.sqrt(len(found)))
        for row, found in enumerate(sets)
        for gram in sorted(found)
        if gram in columns
    ]
    rows, places, values = zip(*entries, strict=True)
    letters = csr_matrix((values, (rows, places)), shape=(len(examples), len(kept)))
    figures = [likeness_figures(one.text, run.card) for one in examples]
    names = list(figures[0])
    register = np.array([[one[name] for name in names] for one in figures])
    head = LogisticRegression(
        l1_ratio=1.0,
        C=run.settings.data_weight,
        solver="liblinear",
        class_weight="balanced",
        random_state=run.settings.seed,
    )
    head.fit(hstack([letters, csr_matrix(register)]).tocsr(), [one.hers for one in examples])
    weights = [round(float(weight), _DECIMALS) for weight in head.coef_[0]]
    return LikenessModel(
        grams={gram: weights[at] for gram, at in columns.items() if weights[at]},
        figures=dict(zip(names, weights[len(kept) :], strict=True)),
        bias=round(float(head.intercept_[0]), _DECIMALS),
        card=run.card.id,
        register=register_digest(run.card),
        about={},
    )
