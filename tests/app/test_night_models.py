"""Which evaluators a night is given."""

from pathlib import Path

import pytest

from app.composition import chosen_card
from app.errors import SettingsError
from app.night_models import NightModels
from app.settings import load_settings
from rlaif.errors import EvaluatorError
from rlaif.judge_preset_names import PRESET_NAMES
from tests.rlaif.night_kit import FixedEvaluator


def test_a_judge_compares_and_the_other_evaluators_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = {
        "training_evaluator": "judge",
        "judge_url": "http://127.0.0.1:9/v1",
        "judge_model": "local",
    }
    settings = load_settings(tmp_path, {"night": night})
    models = NightModels(settings, chosen_card(settings))
    assert models.pair_judge() is models.training_evaluator()
    plain = load_settings(tmp_path)
    others = NightModels(plain, chosen_card(plain))
    monkeypatch.setattr(others, "_make", lambda _kind: FixedEvaluator())
    assert others.pair_judge() is None


def test_the_judge_is_the_preset_that_is_set(tmp_path: Path) -> None:
    night = {
        "training_evaluator": "judge",
        "judge_url": "http://127.0.0.1:9/v1",
        "judge_model": "local",
    }
    plain = load_settings(tmp_path, {"night": night})
    card = chosen_card(plain)
    assert NightModels(plain, card).training_evaluator().id.startswith("judge:rubric:local:")
    ids = set()
    for name in PRESET_NAMES:
        settings = load_settings(tmp_path, {"night": {**night, "judge_preset": name}})
        ids.add(NightModels(settings, card).training_evaluator().id)
    assert len(ids) == len(PRESET_NAMES)
    with pytest.raises(SettingsError, match=r"night.judge_preset.*'vibes'"):
        load_settings(tmp_path, {"night": {**night, "judge_preset": "vibes"}})


def test_a_judge_that_is_nowhere_is_said_to_be_missing(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    with pytest.raises(EvaluatorError, match=r"night\.judge_url is empty.*yogeiko\.toml"):
        NightModels(settings, chosen_card(settings)).evaluator("judge")
