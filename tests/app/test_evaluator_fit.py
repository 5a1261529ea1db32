"""`yogeiko evaluator fit`: options that fit the kind, and a regressor that is there to score with."""

import json
import sys
from pathlib import Path

import pytest

from app import cli
from app.commands import evaluator_fit
from app.composition import chosen_card
from app.night_models import NightModels
from app.settings import load_settings
from rlaif.errors import EvaluatorError
from rlaif.metrics import METRIC_KEYS
from rlaif.sft_evaluator import load_sft_evaluator
from rlaif.sft_folder import regressor_id_on_disk
from tests.persona.tiny_model import tiny_loaded


def _run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str | Path
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["yogeiko", "evaluator", "fit", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    shown = capsys.readouterr()
    assert isinstance(left.value.code, int)
    return left.value.code, shown.out, shown.err


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Dialogues of twelve raters, better liked the more often a word was said."""
    lines = []
    for n in range(96):
        said = n % 4
        turns = [
            {"role": "user", "content": "やあ" * (1 + n % 3)},
            {"role": "assistant", "content": "ほん" * said + "ねこ" * (4 - said)},
        ]
        row = {
            "messages": turns,
            "rater": f"r{n % 12}",
            "group": f"g{n}",
            "ratings": {"trust": said * 3},
        }
        lines.append(json.dumps(row, ensure_ascii=False))
    file = tmp_path / "rated.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("kind", "option", "value"),
    [
        ("embedded", "steps", "5"),
        ("embedded", "minutes", "5"),
        ("embedded", "dialogues", "50"),
        ("embedded", "target", "raw"),
        ("sft", "size", "small"),
    ],
)
def test_an_option_of_the_other_kind_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    data: Path,
    kind: str,
    option: str,
    value: str,
) -> None:
    code, out, err = _run(monkeypatch, capsys, "--kind", kind, "--data", data, f"--{option}", value)
    assert (code, out) == (1, "")
    (line,) = err.strip().splitlines()
    assert f"--{option} is {value}" in line
    assert f"--kind {kind}" in line


def test_a_night_without_a_fitted_regressor_names_the_command(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {"night": {"training_evaluator": "sft"}})
    models = NightModels(settings, chosen_card(settings))
    # The base is not looked at before the folder.
    models.__dict__["frozen_base"] = tiny_loaded()
    with pytest.raises(EvaluatorError, match=r"evaluator-sft.*evaluator fit --kind sft"):
        models.training_evaluator()


@pytest.mark.slow
def test_a_regressor_is_fitted_from_the_command_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    data: Path,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(evaluator_fit, "load_base", lambda *_: tiny_loaded())
    home = tmp_path / "home"
    options = ("--kind", "sft", "--data", data, "--home", home, "--dialogues", 20, "--steps", 1)
    code, out, err = _run(monkeypatch, capsys, *map(str, options), "--json")
    assert code == 0, err
    about = json.loads(out)
    assert about["training"]["steps"] == 1
    assert about["rows"]["fit"] == 20
    assert set(about["held_out"]["rating_spearman"]) == {"trust", "mean"}
    evaluator = load_sft_evaluator(home / "evaluator-sft", tiny_loaded())
    assert evaluator.id == regressor_id_on_disk(home / "evaluator-sft")
    assert evaluator.id in err
    assert about["metrics"] == list(METRIC_KEYS)
    code, out, _ = _run(monkeypatch, capsys, *map(str, options))
    assert code == 0
    assert out.splitlines()[0].startswith("trust ")
    assert any(line.startswith("dull ") for line in out.splitlines())
