"""A predictor that learns anew for each split and never looks at a rating that is reported."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from persona.errors import DataError
from persona.importers.report import Licence
from rlaif.errors import EvaluatorError
from rlaif.rated_dialogues import RatedDialogue
from rlaif.rating_splits import RatingSplit
from rlaif.sft_plan import RowBudget
from rlaif.sft_predictor import OUTSIDE_SAMPLE, PredictorSettings, SftPredictor
from rlaif.sft_settings import TrainingBounds
from tests.persona.tiny_model import tiny_loaded
from tests.rlaif.regressor_rows import QUICK, planted, quiet

NAMES = ("satisfaction", "familiarity", "weather")
SETTINGS = PredictorSettings(
    regressor=replace(QUICK, epochs=1), rows=RowBudget(fit=24, validation=12, test=20)
)
SPLIT = RatingSplit(
    name="random",
    fit=tuple(range(30)),
    validation=tuple(range(30, 42)),
    test=tuple(range(42, 70)),
    centred_by=None,
)


def _with_ratings(one: RatedDialogue, ratings: dict[str, float]) -> RatedDialogue:
    return RatedDialogue(
        group=one.group, messages=one.messages, rater=one.rater, system=one.system,
        ratings=ratings, licence=one.licence,
    )  # fmt: skip


def test_it_learns_the_fit_side_alone(tmp_path: Path) -> None:
    data = planted(70, 3)
    predictor = SftPredictor(tiny_loaded(), SETTINGS, tmp_path / "a")
    found = predictor.predict(data, SPLIT, NAMES, quiet)
    assert found.values.shape == (28, 3)
    read = ~np.isnan(found.values[:, 0])
    assert read.sum() == 20
    assert found.unscored == {OUTSIDE_SAMPLE: 8}
    assert np.isnan(found.values[:, 2]).all(), "a rating that stands for no impression"
    given = np.array([data[n].ratings["satisfaction"] for n in SPLIT.test])
    assert np.corrcoef(found.values[read, 0], given[read])[0, 1] > 0.5
    assert found.spread is not None
    assert (found.spread[read, 0] > 0).all()

    # A split that puts the same rows aside shares the fit.
    told: list[str] = []
    centred = replace(SPLIT, name="within_system", centred_by="system")
    shared = predictor.predict(data, centred, NAMES, lambda stage, _: told.append(stage))
    assert told == []
    np.testing.assert_array_equal(shared.values, found.values)

    tested = frozenset(SPLIT.test)
    permuted = [
        _with_ratings(one, {"satisfaction": 3.0, "trust": 9.0}) if n in tested else one
        for n, one in enumerate(data)
    ]
    other = SftPredictor(tiny_loaded(), SETTINGS, tmp_path / "b")
    again = other.predict(permuted, SPLIT, NAMES, quiet)
    np.testing.assert_array_equal(again.values, found.values)
    assert other.id == predictor.id


def test_names_that_stand_for_nothing_are_one_sentence(tmp_path: Path) -> None:
    predictor = SftPredictor(tiny_loaded(), SETTINGS, tmp_path)
    with pytest.raises(EvaluatorError, match="ratings are weather"):
        predictor.predict(planted(70, 3), SPLIT, ("weather",), quiet)


def test_data_for_evaluation_only_need_the_holders_word(tmp_path: Path) -> None:
    barred = Licence(name="held", may_train=False, notice="")
    data = [
        RatedDialogue(
            group=o.group, messages=o.messages, rater=o.rater, system=o.system, ratings=o.ratings,
            licence=barred,
        )
        for o in planted(70, 3)
    ]  # fmt: skip
    predictor = SftPredictor(tiny_loaded(), SETTINGS, tmp_path)
    with pytest.raises(DataError, match="fit-on-evaluation-only"):
        predictor.predict(data, SPLIT, NAMES, quiet)
    allowed = replace(SETTINGS, evaluation_only=True, bounds=TrainingBounds(steps=0))
    SftPredictor(tiny_loaded(), allowed, tmp_path).predict(data, SPLIT, NAMES, quiet)
