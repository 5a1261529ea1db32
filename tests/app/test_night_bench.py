"""`yogeiko night bench` over a tiny base model on disk; the evaluator and the training are fakes."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.commands import night_bench
from app.night_models import NightModels
from persona.base_model import base_sha256
from persona.card import SHIPPED_CARD
from rlaif.evaluator import Assessment, Dialogue, EvaluatorKind, Unscored
from rlaif.metrics import METRIC_KEYS
from rlaif.training_job import TrainingJob
from tests.persona.tiny_model import tiny_model, tiny_tokenizer, write_adapter


class _Longer:
    """Likes different letters."""

    id = "longer-1"
    kind: EvaluatorKind = "embedded"

    def assess(
        self, dialogues: Sequence[Dialogue], report: Callable[[int], None] | None = None
    ) -> list[Assessment | Unscored]:
        return [
            Assessment(
                values=dict.fromkeys(METRIC_KEYS, min(10.0, len(set(one.reply)) / 4)), spread={}
            )
            for one in dialogues
        ]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a tiny model and a card whose adapter fits it."""
    model, card, home = tmp_path / "model", tmp_path / "card", tmp_path / "home"
    tiny_model(len(tiny_tokenizer())).save_pretrained(model)
    tiny_tokenizer().save_pretrained(model)
    shutil.copytree(SHIPPED_CARD, card, ignore=shutil.ignore_patterns("adapter"))
    _write_adapter(card / "adapter", model, seed=1)
    home.mkdir()
    (home / "yogeiko.toml").write_text(
        f'[chat]\ncard = "{card}"\nmax_new_tokens = 16\n[model]\nname = "{model}"\n'
        "[engine]\nthreads = 1\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(NightModels, "embedded_evaluator", lambda _: _Longer())

    def train(job: TrainingJob, *_: object) -> dict[str, object]:
        assert job.pairs
        assert job.replay_pairs
        _write_adapter(job.adapters_folder / f"new-{job.work_folder.name}", model, seed=2)
        return {"id": f"new-{job.work_folder.name}"}

    monkeypatch.setattr(night_bench, "run_training_child", train)
    return home


def _write_adapter(folder: Path, model: Path, *, seed: int) -> None:
    write_adapter(folder, seed, base=base_sha256(str(model), str(model)))
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"kind": "sft"}))


def test_the_table_is_printed_and_written(home: Path) -> None:
    arguments = ["--home", str(home), "--contexts", "40", "--held-out", "4"]

    done = CliRunner().invoke(night_bench.bench, arguments, catch_exceptions=False)

    assert done.exit_code == 0, done.output
    table = (home / "bench" / "table3.md").read_text(encoding="utf-8")
    assert table in done.output
    assert table.count("\n| ") == 14, "a heading, twelve impressions and their mean"
    facts = json.loads((home / "bench" / "table3.json").read_text(encoding="utf-8"))
    assert facts["anchor"] == "adapter"
    assert facts["evaluator"] == "longer-1"
    assert {row["policy"] for row in facts["rows"]} == {"new-mixture"}
    assert len(facts["rows"]) == 13


def test_a_card_without_an_adapter_is_told_so(home: Path, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "card" / "adapter")

    done = CliRunner().invoke(night_bench.bench, ["--home", str(home)])

    assert done.exit_code == 1
    assert "no adapter of its own" in done.output
