"""`yogeiko evaluator score`: whoever reads the scores reads what they came from."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.commands.evaluator import command
from rlaif.evaluation_only import FitMark
from tests.rlaif.night_kit import FixedEvaluator

LINE = {"turns": [{"role": "user", "content": "やあ"}], "reply": "はい"}


@pytest.mark.parametrize("marked", [True, False])
def test_scores_say_that_the_evaluator_was_fitted_on_data_for_evaluation_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, marked: bool
) -> None:
    mark = FitMark(licences=("for looking",) if marked else ())
    evaluator = FixedEvaluator(id=mark.on_id("embedded-1"))
    for loader in ("load_base", "load_embedder"):
        monkeypatch.setattr(f"app.commands.evaluator_score.{loader}", lambda *_: None)
    monkeypatch.setattr(
        "app.commands.evaluator_score.load_embedded_evaluator", lambda *_: evaluator
    )
    file = tmp_path / "replies.jsonl"
    file.write_text(json.dumps(LINE), encoding="utf-8")
    arguments = ["score", str(file), "--home", str(tmp_path)]
    told = CliRunner().invoke(command, arguments)
    assert ("was fitted on data for evaluation only" in told.stderr) == marked
    facts = json.loads(CliRunner().invoke(command, [*arguments, "--json"]).stdout)
    assert facts["evaluation_only"] is marked
