"""The whole way from rated dialogues to a folder that scores, with what was held out beside it."""

import datetime
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from persona.card import SHIPPED_CARD, Card, load_card
from persona.engine import Message
from persona.errors import DataError
from persona.importers.report import Licence
from rlaif.errors import EvaluatorError
from rlaif.evaluator import Assessment, Dialogue
from rlaif.fit_data import DataPlan
from rlaif.metrics import METRIC_KEYS
from rlaif.rated_dialogues import RatedDialogue
from rlaif.sft_evaluator import load_sft_evaluator
from rlaif.sft_figures import MEAN, rating_estimates
from rlaif.sft_fit import SftFit, fit_sft_evaluator
from rlaif.sft_folder import regressor_id
from rlaif.sft_plan import RowBudget
from rlaif.sft_settings import TrainingBounds
from rlaif.sft_targets import rated_targets, scale_of
from tests.persona.tiny_model import BASE_SHA256, tiny_loaded
from tests.rlaif.regressor_rows import QUICK, planted, quiet

PLAN = DataPlan(chat_contexts=0, card_contexts=12, rated_extra=0, held_out_chats=0, held_out_card=4)


@pytest.fixture(scope="module")
def card() -> Card:
    return load_card(SHIPPED_CARD)


def _fit(card: Card, home: Path, rated: list[RatedDialogue]) -> SftFit:
    return SftFit(
        card=card, rated=rated, chats=(), work_folder=home / "work", out=home / "sft",
        today=datetime.date(2026, 11, 26), report=quiet, settings=replace(QUICK, target="within"),
        rows=RowBudget(fit=24, validation=8, test=12), bounds=TrainingBounds(steps=2), faults=PLAN,
    )  # fmt: skip


def test_a_fit_gives_an_evaluator_and_says_how_good_it_is(card: Card, tmp_path: Path) -> None:
    fit = _fit(card, tmp_path, planted(120, 5))
    manifest = fit_sft_evaluator(tiny_loaded(), fit)
    assert manifest["kind"] == "sft"
    assert manifest["base_sha256"] == BASE_SHA256
    assert manifest["licence"] == "own"
    assert manifest["split"] == "unseen_raters"
    assert manifest["evaluation_only"] == []
    assert manifest["scale"] == {"satisfaction": [1.0, 4.0], "familiarity": [1.0, 5.0]}
    held_out = manifest["held_out"]
    assert isinstance(held_out, dict)
    assert set(held_out["rating_spearman"]) == {"satisfaction", "familiarity", MEAN}
    assert "dull" in held_out["faults"]
    evaluator = load_sft_evaluator(fit.out, tiny_loaded())
    assert evaluator.id == regressor_id(manifest)
    turns = (Message(role="user", content="すきなほんは？"),)
    (verdict,) = evaluator.assess([Dialogue(turns=turns, reply="ほんですわ")])
    assert isinstance(verdict, Assessment)
    assert set(verdict.values) == set(METRIC_KEYS)
    assert fit_sft_evaluator(tiny_loaded(), fit)["sha256"] == manifest["sha256"]


def test_data_for_evaluation_only_are_refused_or_marked(card: Card, tmp_path: Path) -> None:
    barred = Licence(name="held", may_train=False, notice="Ask the holder.")
    rated = [
        RatedDialogue(
            group=o.group, messages=o.messages, rater="", system="", ratings=o.ratings,
            licence=barred,
        )
        for o in planted(40, 5)
    ]  # fmt: skip
    fit = _fit(card, tmp_path, rated)
    with pytest.raises(DataError, match="fit-on-evaluation-only"):
        fit_sft_evaluator(tiny_loaded(), fit)
    manifest = fit_sft_evaluator(
        tiny_loaded(), replace(fit, evaluation_only=True, bounds=TrainingBounds(steps=0))
    )
    assert manifest["evaluation_only"] == ["held"]
    assert manifest["split"] == "random", "nobody is named"
    assert regressor_id(manifest).endswith("-evaluation-only")


def test_impressions_that_nothing_is_known_of_are_named(card: Card, tmp_path: Path) -> None:
    fit = replace(_fit(card, tmp_path, planted(60, 5)), faults=replace(PLAN, card_contexts=0))
    with pytest.raises(EvaluatorError, match="consistency, emotion"):
        fit_sft_evaluator(tiny_loaded(), fit)


def test_correlations_with_people_have_intervals_over_dialogues() -> None:
    """Predictions that are the ratings themselves correlate at 1; a second row of every dialogue
    adds rows and no certainty."""
    data = planted(40, 6)
    values = rated_targets(data, scale_of(data, "raw"), "raw").value
    exact = rating_estimates(data, values)
    assert exact["satisfaction"].value == pytest.approx(1)
    assert exact["familiarity"].value == pytest.approx(1)
    assert exact[MEAN].value == pytest.approx(
        (exact["satisfaction"].value + exact["familiarity"].value) / 2
    )
    noisy = values[::-1]
    once = rating_estimates(data, noisy)["familiarity"]
    twice = rating_estimates([*data, *data], np.concatenate([noisy, noisy]))["familiarity"]
    assert once.n == twice.n == 40
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high), abs=1e-6)
