"""A regressor learns what ratings say, is no other for having been interrupted, and stops in time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rlaif.errors import EvaluatorError
from rlaif.metrics import METRIC_KEYS
from rlaif.sft_checkpoint import read_checkpoint
from rlaif.sft_encoder import Encoder
from rlaif.sft_head_start import ridge
from rlaif.sft_model import Regressor
from rlaif.sft_rows import member_weights, rank_correlation
from rlaif.sft_settings import RegressorSettings, TrainingBounds
from rlaif.sft_texts import Reading
from rlaif.sft_training import predict_rows, train_regressor
from tests.persona.tiny_model import tiny_loaded
from tests.rlaif.regressor_rows import QUICK, fit_rows, planted, quiet, regressor_run

READING = Reading(ids=tuple(range(300, 340)), seats=(2,) * 20 + (1,) * 15 + (3,) * 5)


class KilledError(Exception):
    pass


def _killed_at(step: int, stage: str = "step"):
    def report(said: str, share: float) -> None:
        if said.startswith(f"{stage} {step} ") or (stage != "step" and said.startswith(stage)):
            raise KilledError

    return report


# --- the encoder ----------------------------------------------------------------------------------


@pytest.mark.parametrize("trained", [0, 1, 2])
def test_the_cut_base_says_what_the_whole_one_says(trained: int) -> None:
    loaded = tiny_loaded()
    with torch.no_grad():
        tokens = torch.tensor([READING.ids])
        states = loaded.model(input_ids=tokens, output_hidden_states=True).hidden_states[2][0]
    wanted = torch.cat(
        [states[[*range(20), *range(35, 40)]].mean(0), states[20:35].mean(0), states[35:].mean(0)]
    )
    encoder = Encoder(loaded, RegressorSettings(layers_read=2, layers_trained=trained)).eval()
    for _ in range(2):  # the second time from what was kept
        torch.testing.assert_close(encoder([READING])[0], wanted)


def test_only_those_are_averaged_who_are_named() -> None:
    every = Encoder(tiny_loaded(), RegressorSettings(layers_read=2)).eval()([READING])
    settings = RegressorSettings(layers_read=2, pooled=("reply", "rated"))
    some = Encoder(tiny_loaded(), settings).eval()([READING])
    assert every.shape == (1, 96)
    torch.testing.assert_close(some[0], torch.cat([every[0, 64:], every[0, :32]]))


def test_the_base_stays_as_it_is_and_only_lora_learns() -> None:
    loaded = tiny_loaded()
    before = {name: tensor.clone() for name, tensor in loaded.model.state_dict().items()}
    encoder = Encoder(loaded, RegressorSettings(layers_read=3, layers_trained=2))
    optimizer = torch.optim.SGD([p for p in encoder.parameters() if p.requires_grad], lr=10.0)
    encoder([READING]).sum().backward()
    optimizer.step()
    after = loaded.model.state_dict()
    assert set(after) == set(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    learning = {name for name, p in encoder.named_parameters() if p.requires_grad}
    assert learning
    assert all("lora_" in name for name in learning)


def test_more_layers_than_there_are_is_one_sentence() -> None:
    with pytest.raises(EvaluatorError, match="3 layers and 9 are to be read"):
        Encoder(tiny_loaded(), RegressorSettings(layers_read=9))


# --- the head start -------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "features"), [(12, 30), (40, 5)])
def test_ridge_solves_its_equations(rows: int, features: int) -> None:
    """At the minimum the gradient is zero: X'W(XA + b - Y) + penalty * F * A = 0, 1'W(...) = 0."""
    rng = torch.Generator().manual_seed(1)
    inputs = torch.randn(rows, features, generator=rng)
    value = torch.randn(rows, 3, generator=rng)
    weight = torch.rand(rows, 3, generator=rng) + 0.1
    weight[:, 2] = 0
    answers, biases = ridge(inputs, value, weight, 0.7)
    error = weight * (inputs @ answers + biases - value)
    gradient = inputs.T @ error + 0.7 * features * answers
    assert gradient[:, :2].abs().max() < 1e-4
    assert error[:, :2].sum(0).abs().max() < 1e-4
    assert not answers[:, 2].any()
    assert biases[2] == 0


def test_members_have_dialogues_not_rows() -> None:
    groups = ["a", "a", "b", "b", "c", "c"] * 5
    drawn = member_weights(groups, 4, seed=3)
    assert drawn.shape == (4, 30)
    assert np.array_equal(drawn[:, 0::2], drawn[:, 1::2])
    assert len({tuple(own) for own in drawn.tolist()}) == 4
    assert np.array_equal(member_weights(groups, 1, seed=3), np.ones((1, 30)))


# --- training -------------------------------------------------------------------------------------


def test_lora_learns_what_the_frozen_base_does_not_say(tmp_path: Path) -> None:
    settings = replace(QUICK, epochs=4, ridges=(30.0,), steps_between=8)
    regressor = Regressor(tiny_loaded(), settings)
    progress = train_regressor(regressor, regressor_run(tmp_path, settings, rows=40))
    assert progress.best.step > 0
    assert progress.best.rho > progress.history[0].rho
    unseen = fit_rows(planted(20, 9))
    table = predict_rows(regressor, unseen).mean(0).double().numpy()
    column = METRIC_KEYS.index("respeak")
    assert np.corrcoef(table[:, column], unseen.targets.value[:, column])[0, 1] > 0.8


def test_impressions_without_a_rating_get_no_gradient(tmp_path: Path) -> None:
    regressor = Regressor(tiny_loaded(), QUICK)
    train_regressor(regressor, regressor_run(tmp_path))
    rated = {METRIC_KEYS.index(key) for key in ("respeak", "enjoyability", "ease")}
    for column, key in enumerate(METRIC_KEYS):
        assert bool(regressor.weight[:, :, column].any()) == (column in rated), key


@pytest.mark.parametrize("kill", ["frozen base, rows", "frozen base, validation", "4"])
def test_an_interrupted_run_comes_to_the_same_weights(tmp_path: Path, kill: str) -> None:
    calm = Regressor(tiny_loaded(), QUICK)
    whole = train_regressor(calm, regressor_run(tmp_path / "calm"))
    report = _killed_at(int(kill)) if kill.isdigit() else _killed_at(0, kill)
    with pytest.raises(KilledError):
        train_regressor(
            Regressor(tiny_loaded(), QUICK), regressor_run(tmp_path / "cut", report=report)
        )
    resumed = Regressor(tiny_loaded(), QUICK)
    again = train_regressor(resumed, regressor_run(tmp_path / "cut"))
    assert [(one.step, one.rho) for one in again.history] == [
        (one.step, one.rho) for one in whole.history
    ]
    for name, tensor in calm.learnt().items():
        assert torch.equal(tensor, resumed.learnt()[name]), name


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    train_regressor(Regressor(tiny_loaded(), QUICK), regressor_run(tmp_path))
    said: list[str] = []
    run = regressor_run(tmp_path, report=lambda stage, _: said.append(stage))
    again = Regressor(tiny_loaded(), QUICK)
    train_regressor(again, run)
    assert said == []
    checkpoint = read_checkpoint(tmp_path)
    assert checkpoint is not None
    assert all(torch.equal(t, checkpoint.best[name]) for name, t in again.learnt().items())


def test_patience_stops_and_the_best_weights_stay(tmp_path: Path) -> None:
    """A learning rate that ruins everything: the head on the frozen base is what is kept."""
    settings = replace(
        QUICK, learning_rate=5.0, head_learning_rate=5.0, epochs=9, steps_between=1, patience=2
    )
    run = regressor_run(tmp_path, settings)
    regressor = Regressor(tiny_loaded(), settings)
    progress = train_regressor(regressor, run)
    assert progress.step == progress.best.step + 2
    table = predict_rows(regressor, run.validation).mean(0).double().numpy()
    assert rank_correlation(table, run.validation) == pytest.approx(progress.best.rho)


def test_bounds_end_a_run_and_more_of_them_continue_it(tmp_path: Path) -> None:
    run = regressor_run(tmp_path)
    short = replace(run, bounds=TrainingBounds(steps=2))
    assert train_regressor(Regressor(tiny_loaded(), QUICK), short).step == 2
    more = train_regressor(Regressor(tiny_loaded(), QUICK), run)
    assert more.step == 6  # 18 dialogues, 6 a step, twice


def test_minutes_end_a_run(tmp_path: Path) -> None:
    ticks = iter(range(0, 100_000, 30))
    run = replace(
        regressor_run(tmp_path), bounds=TrainingBounds(minutes=3), clock=lambda: float(next(ticks))
    )
    assert 0 < train_regressor(Regressor(tiny_loaded(), QUICK), run).step < 6


def test_progress_names_step_loss_rho_and_minutes(tmp_path: Path) -> None:
    said: list[str] = []
    run = regressor_run(tmp_path, report=lambda stage, _: said.append(stage))
    train_regressor(Regressor(tiny_loaded(), QUICK), run)
    last = said[-1]
    for word in ("step 6 of 6", "loss ", "validation rho ", "0 minutes left"):
        assert word in last


def test_a_loss_that_is_no_number_is_said(tmp_path: Path) -> None:
    settings = replace(QUICK, learning_rate=1e30, head_learning_rate=1e30, warmup_steps=0)
    with pytest.raises(EvaluatorError, match="smaller learning rate"):
        train_regressor(Regressor(tiny_loaded(), settings), regressor_run(tmp_path, settings))


def test_nothing_to_stop_by_is_one_sentence(tmp_path: Path) -> None:
    run = replace(regressor_run(tmp_path), validation=fit_rows([]))
    with pytest.raises(EvaluatorError, match="0 to stop by"):
        train_regressor(Regressor(tiny_loaded(), QUICK), run)
    quiet("", 0.0)
