"""Data for evaluation only need the holder's word to fit on, and then mark what was fitted."""

import json
from pathlib import Path

import pytest

from app.composition import chosen_card
from app.night_models import NightModels
from app.settings import load_settings
from persona.errors import DataError
from persona.importers.report import Licence
from rlaif.embedded_heads import MANIFEST, evaluator_id, evaluator_id_on_disk
from rlaif.errors import EvaluatorError
from rlaif.evaluation_only import (
    FitMark,
    is_marked,
    note_of_id,
    read_mark,
    require_fitting,
    require_for_training,
)
from tests.rlaif.night_kit import FixedEvaluator

FREE = Licence(name="free", may_train=True, notice="")
BARRED = Licence(name="for looking", may_train=False, notice="Ask its makers.")
SHA = "ab" * 32


def test_free_data_are_fitted_on_without_a_word_or_a_mark() -> None:
    mark = require_fitting([FREE, FREE])
    assert mark == require_fitting([FREE], allowed=True) == FitMark()
    assert mark.on_id("embedded-1") == "embedded-1"
    assert mark.in_manifest() == {"evaluation_only": []}
    assert mark.sentence() == ""


def test_one_barred_row_among_free_ones_is_refused_with_its_licence_and_the_switch() -> None:
    with pytest.raises(DataError, match=r"1 of 3 rows .*'for looking'.*Ask its makers\.") as caught:
        require_fitting([FREE, BARRED, FREE])
    assert "--fit-on-evaluation-only" in str(caught.value)


def test_the_holders_word_marks_id_manifest_and_lines() -> None:
    other = Licence(name="another", may_train=False, notice="")
    mark = require_fitting([BARRED, FREE, other, BARRED], allowed=True)
    assert mark.licences == ("another", "for looking")
    assert read_mark(json.loads(json.dumps(mark.in_manifest()))) == mark
    name = mark.on_id("sft-1")
    assert is_marked(name)
    assert mark.on_id(name) == name
    assert name in note_of_id(name)
    assert "for looking" in mark.sentence()
    assert not is_marked("sft-1")
    assert note_of_id("sft-1") == ""


def test_marked_heads_have_another_id_also_for_who_reads_only_the_manifest(tmp_path: Path) -> None:
    manifest = {"sha256": SHA, "evaluation_only": ["for looking"]}
    (tmp_path / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    assert is_marked(evaluator_id_on_disk(tmp_path))
    assert evaluator_id_on_disk(tmp_path) != evaluator_id({"sha256": SHA})


def test_a_mark_that_cannot_be_read_is_no_free_pass() -> None:
    with pytest.raises(EvaluatorError, match="evaluation_only is False"):
        read_mark({"evaluation_only": False})


def test_a_marked_evaluator_picks_no_pairs_unless_the_setting_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marked = FixedEvaluator(id=FitMark(licences=("for looking",)).on_id("embedded-1"))
    for allowed in (False, True):
        night = {"evaluation_only_evaluator": allowed, "gate_evaluator": "information"}
        settings = load_settings(tmp_path, {"night": night})
        models = NightModels(settings, chosen_card(settings))
        monkeypatch.setattr(models, "_make", lambda _kind: marked)
        assert models.gate_evaluator() is marked
        if allowed:
            assert models.training_evaluator() is marked
        else:
            with pytest.raises(EvaluatorError, match=r"night\.evaluation_only_evaluator"):
                models.training_evaluator()
    require_for_training("embedded-1", allowed=False)
