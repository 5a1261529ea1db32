"""What is set under [night] reaches training, the ledger and the judge."""

from pathlib import Path

import pytest

from app import night_parts as night_parts_module
from app.commands import night_run
from app.night_models import NightModels
from app.night_parts import night_parts
from app.night_plan import night_settings
from app.settings import load_settings
from persona.card import SHIPPED_CARD, load_card
from rlaif.judge_evaluator import JudgeEvaluator
from rlaif.night_work import TrainingOrder
from rlaif.train import Lineage
from rlaif.training_job import TrainingJob


def _home(tmp_path: Path, text: str) -> Path:
    (tmp_path / "yogeiko.toml").write_text(f"[night]\n{text}", encoding="utf-8")
    return tmp_path


def test_hyper_parameters_reach_the_training_process_and_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "learning_rate = 1e-5\nbeta = 0.3\nepochs = 2\n"
    settings = load_settings(_home(tmp_path, text))
    plan = night_settings(settings)
    jobs: list[TrainingJob] = []
    monkeypatch.setattr(night_parts_module, "run_training_child", lambda job, *_: jobs.append(job))
    parts = night_parts(
        settings,
        NightModels(settings, load_card(SHIPPED_CARD)),
        report=lambda _: None,
        should_stop=lambda: False,
    )
    order = TrainingOrder(
        anchor_folder=tmp_path,
        pairs=(),
        replay_pairs=(),
        work_folder=tmp_path,
        lineage=Lineage(date="2026-09-25"),
        settings=plan.training,
    )

    parts.train(order, lambda _done, _total: None)

    own = jobs[0].settings
    assert (own.learning_rate, own.beta, own.epochs) == (1e-5, 0.3, 2)
    snapshot = night_run._snapshot(plan)["training"]
    assert isinstance(snapshot, dict)
    assert (snapshot["beta"], snapshot["epochs"], snapshot["replay_share"]) == (0.3, 2, 0.2)


def test_the_judges_bounds_reach_the_judge(tmp_path: Path) -> None:
    text = (
        'training_evaluator = "judge"\njudge_url = "http://127.0.0.1:9/v1"\njudge_model = "m"\n'
        "judge_timeout_seconds = 7\njudge_attempts = 2\njudge_max_tokens = 9000\n"
        "judge_max_cost = 1.5\njudge_prompt_price = 3\njudge_answer_price = 4\n"
    )
    settings = load_settings(_home(tmp_path, text))

    judge = NightModels(settings, load_card(SHIPPED_CARD)).training_evaluator()

    assert isinstance(judge, JudgeEvaluator)
    own = judge._client.settings
    assert (own.timeout_seconds, own.attempts, own.max_total_tokens) == (7, 2, 9000)
    assert (own.max_cost, own.prompt_price, own.answer_price) == (1.5, 3, 4)
