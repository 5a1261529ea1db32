"""Which evaluators a night is given."""

from pathlib import Path

import pytest

from app.composition import chosen_card
from app.night_models import NightModels
from app.settings import load_settings
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
