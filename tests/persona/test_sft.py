"""Training on a tiny model: what is published, and that interruption changes nothing."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import TrainerControl, TrainerState, TrainingArguments

from persona.adapter_folder import read_adapter
from persona.base_model import LoadedModel
from persona.card import SHIPPED_CARD, Card, load_card
from persona.durable import file_sha256
from persona.engine import GenerationRequest, Sampling
from persona.errors import TrainingError
from persona.local_engine import EngineSettings, LocalEngine
from persona.prompt import build_messages
from persona.sft import (
    MANIFEST,
    WEIGHTS,
    SftSettings,
    data_sha256,
    encode_rows,
    recipe_settings,
    train,
)
from persona.sft_batch import SharedPrefixCollator
from persona.sft_resume import Patience, evaluations_since_best, last_checkpoint
from persona.sft_trainer import reply_loss, reply_states
from tests.persona.tiny_model import tiny_loaded, tiny_model
from tests.persona.tiny_training import (
    SETTINGS,
    SPLITS,
    STEPS_PER_EPOCH,
    KilledError,
    Recorder,
    contrary_rows,
    row,
    same_weights,
    training_rows,
    training_run,
    validation_losses,
    weights_of,
)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def card() -> Card:
    return load_card(SHIPPED_CARD)


@pytest.fixture(scope="module")
def calm(card: Card, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """An uninterrupted run."""
    torch.set_num_threads(1)
    home = tmp_path_factory.mktemp("calm")
    return home, train(tiny_loaded(), training_run(card, home))


def test_the_manifest_says_what_was_trained_on_what(
    calm: tuple[Path, dict[str, object]],
) -> None:
    home, manifest = calm
    folder = home / "adapters" / str(manifest["id"])
    assert json.loads((folder / MANIFEST).read_text(encoding="utf-8")) == manifest
    assert sorted(path.name for path in folder.iterdir()) == [
        "adapter_config.json", WEIGHTS, MANIFEST,
    ]  # fmt: skip
    assert manifest["base_sha256"] == tiny_loaded().sha256
    assert manifest["data_sha256"] == data_sha256(training_rows())
    assert manifest["settings"] == asdict(SETTINGS)
    assert manifest["rows"] == {"train": 7, "validation": 2}
    assert manifest["sha256"] == file_sha256(folder / WEIGHTS)
    assert (manifest["kind"], manifest["card"], manifest["quantization"]) == (
        "sft",
        "ayane",
        "none",
    )
    metrics = manifest["metrics"]
    assert isinstance(metrics, dict)
    losses = metrics["validation_loss_per_epoch"]
    assert len(losses) == 3
    assert metrics["best_validation_loss"] == min(losses) < losses[0]
    assert metrics["last_training_loss"] > 0
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["lora_dropout"]) == (8, 16, 0.05)
    assert config["base_model_name_or_path"] is None, "a path of the trainer's machine"


def test_the_published_adapter_speaks_what_it_learned(card: Card, tmp_path: Path) -> None:
    settings = replace(SETTINGS, alpha=64, epochs=25, batch_rows=4, patience_epochs=25, dropout=0)
    rows = [row(f"r{split}{n}", split, "ですわ。") for split in SPLITS for n in range(4)]
    manifest = train(tiny_loaded(), training_run(card, tmp_path, settings, rows))
    folder = tmp_path / "adapters" / str(manifest["id"])
    engine = LocalEngine(tiny_loaded(), EngineSettings(threads=1))
    try:
        engine.add_adapter("learned", folder)
        request = GenerationRequest(
            messages=build_messages(card, (), "なまえは？", ()),
            adapter="learned",
            sampling=Sampling(temperature=0, repetition_penalty=1, max_new_tokens=12),
        )
        (spoken,) = engine.generate_batch([request])
        (bare,) = engine.generate_batch([replace(request, adapter=None)])
    finally:
        engine.close()
    assert (spoken.text, spoken.reason) == ("ですわ。", "end")
    assert bare.text != spoken.text


def test_the_best_epoch_is_what_is_published(
    card: Card, calm: tuple[Path, dict[str, object]]
) -> None:
    home, manifest = calm
    metrics = manifest["metrics"]
    assert isinstance(metrics, dict)
    loaded = tiny_loaded()
    model = PeftModel.from_pretrained(loaded.model, home / "adapters" / str(manifest["id"])).eval()
    validation = [row for row in training_rows() if row.split == "validation"]
    batch = SharedPrefixCollator(pad_token_id=0)(encode_rows(loaded, card, validation, 2000))
    with torch.no_grad():
        hidden, targets = reply_states(model, batch)
        loss = reply_loss(model, hidden, targets) / len(targets)
    # The adapter is published in bf16.
    assert loss.item() == pytest.approx(metrics["best_validation_loss"], rel=0.03)


def test_the_engine_takes_the_adapter_folder(calm: tuple[Path, dict[str, object]]) -> None:
    home, manifest = calm
    shapes = {
        name: (module.out_features, module.in_features)
        for name, module in tiny_model(10).named_modules()
        if isinstance(module, torch.nn.Linear) and "layers" in name
    }
    found = read_adapter(
        home / "adapters" / str(manifest["id"]), shapes=shapes, base_sha256=tiny_loaded().sha256
    )
    assert found.sha256 == manifest["sha256"]
    assert set(found.pairs) == set(shapes)


def test_the_same_seed_gives_the_same_weights_and_another_does_not(
    card: Card, calm: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    home, manifest = calm
    torch.manual_seed(99)  # the run must not depend on what came before
    again = train(tiny_loaded(), training_run(card, tmp_path))
    assert again["id"] == manifest["id"]
    assert again["sha256"] == manifest["sha256"]
    other = train(tiny_loaded(), training_run(card, tmp_path, replace(SETTINGS, seed=1)))
    assert other["id"] != manifest["id"]
    assert not same_weights(weights_of(home, manifest), weights_of(tmp_path, other))


@pytest.mark.parametrize("raise_at", [STEPS_PER_EPOCH + 1, 2 * STEPS_PER_EPOCH + 2])
def test_an_interrupted_run_goes_on_and_ends_with_the_same_weights(
    card: Card, calm: tuple[Path, dict[str, object]], tmp_path: Path, raise_at: int
) -> None:
    home, manifest = calm
    with pytest.raises(KilledError):
        train(tiny_loaded(), training_run(card, tmp_path, report=Recorder(raise_at)))
    assert not (tmp_path / "adapters").exists()
    second = Recorder()
    torch.manual_seed(99)
    resumed = train(tiny_loaded(), training_run(card, tmp_path, report=second))
    epochs_kept = (raise_at - 1) // STEPS_PER_EPOCH
    assert [one.step for one in second.told] == list(range(epochs_kept * STEPS_PER_EPOCH + 1, 10))
    assert {one.steps for one in second.told} == {9}
    assert validation_losses(resumed) == validation_losses(manifest)
    assert same_weights(weights_of(tmp_path, resumed), weights_of(home, manifest))


def test_a_half_written_checkpoint_is_passed_over(
    card: Card, calm: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    with pytest.raises(KilledError):
        train(tiny_loaded(), training_run(card, tmp_path, report=Recorder(2 * STEPS_PER_EPOCH + 1)))
    (work,) = (tmp_path / "training").iterdir()
    newest = last_checkpoint(work)
    assert newest is not None
    assert newest.folder.name == "checkpoint-6"
    (newest.folder / "optimizer.pt").write_bytes(b"half")
    (newest.folder / "trainer_state.json").unlink()
    # A kill while the state itself is being written.
    shutil.copytree(newest.folder, work / "checkpoint-7")
    (work / "checkpoint-7" / "trainer_state.json").write_text('{"best_global_step": 6, "ep')
    second = Recorder()
    resumed = train(tiny_loaded(), training_run(card, tmp_path, report=second))
    assert second.told[0].step == STEPS_PER_EPOCH + 1
    home, manifest = calm
    assert same_weights(weights_of(tmp_path, resumed), weights_of(home, manifest))


def test_a_finished_run_is_returned_at_once(card: Card, tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=1)
    first = train(tiny_loaded(), training_run(card, tmp_path, settings))
    again = Recorder()
    assert train(tiny_loaded(), training_run(card, tmp_path, settings, report=again)) == first
    assert again.told == []


def test_a_run_killed_before_publishing_is_only_published(card: Card, tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=2)
    first = train(tiny_loaded(), training_run(card, tmp_path, settings))
    expected = weights_of(tmp_path, first)
    shutil.rmtree(tmp_path / "adapters")
    again = Recorder()
    second = train(tiny_loaded(), training_run(card, tmp_path, settings, report=again))
    assert again.told == []
    assert second["metrics"] == first["metrics"]
    assert same_weights(weights_of(tmp_path, second), expected)


def test_an_altered_adapter_is_published_anew(card: Card, tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=1)
    first = train(tiny_loaded(), training_run(card, tmp_path, settings))
    weights = tmp_path / "adapters" / str(first["id"]) / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    assert train(tiny_loaded(), training_run(card, tmp_path, settings))["sha256"] == first["sha256"]
    assert file_sha256(weights) == first["sha256"]


def test_training_stops_early_keeps_the_first_epoch_and_stays_stopped(
    card: Card, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, epochs=8, patience_epochs=2)
    told = Recorder()
    run = training_run(card, tmp_path, settings, contrary_rows(), told)
    manifest = train(tiny_loaded(), run)
    metrics = manifest["metrics"]
    assert isinstance(metrics, dict)
    losses = metrics["validation_loss_per_epoch"]
    best = losses.index(min(losses))
    assert len(losses) == best + 1 + 2 < 8
    assert told.told[-1].step == len(losses) * STEPS_PER_EPOCH
    shutil.rmtree(tmp_path / "adapters")
    again = Recorder()
    second = train(tiny_loaded(), replace(run, report=again))
    assert again.told == [], "patience was spent before the kill"
    assert second["sha256"] == manifest["sha256"]


def test_patience_counts_the_epochs_before_a_resumption() -> None:
    history = [{"eval_loss": 2.0}, {"loss": 9.0}, {"eval_loss": 1.0}, {"eval_loss": 1.0}]
    assert evaluations_since_best([]) == 0
    assert evaluations_since_best([{"loss": 1.0}]) == 0
    assert evaluations_since_best(history[:1]) == 0
    assert evaluations_since_best(history) == 1
    patience = Patience(2)
    arguments = TrainingArguments(metric_for_best_model="eval_loss", use_cpu=True)
    state, control = TrainerState(log_history=history, best_metric=1.0), TrainerControl()
    patience.on_train_begin(arguments, state, control)
    patience.on_evaluate(arguments, state, control, metrics={"eval_loss": 1.5})
    assert control.should_training_stop


def test_another_prompt_is_another_run(card: Card, tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=1)
    first = train(tiny_loaded(), training_run(card, tmp_path, settings))
    older = replace(card, age=card.age + 1)
    second = train(tiny_loaded(), training_run(older, tmp_path, settings))
    assert first["data_sha256"] == second["data_sha256"]
    assert first["id"] != second["id"]


def test_a_loss_that_is_no_number_stops_the_run(card: Card, tmp_path: Path) -> None:
    loaded = tiny_loaded()
    loaded.model.get_input_embeddings().weight.data[10:] = float("nan")
    with pytest.raises(
        TrainingError,
        match=r"^the loss became nan after step 0; expected a finite number: train again with a "
        r"smaller learning rate$",
    ):
        train(loaded, training_run(card, tmp_path))
    assert not (tmp_path / "adapters").exists()


def test_a_rate_that_destroys_the_weights_is_noticed(card: Card, tmp_path: Path) -> None:
    settings = replace(SETTINGS, learning_rate=1e38, warmup_share=0.0)
    with pytest.raises(TrainingError, match="smaller learning rate"):
        train(tiny_loaded(), training_run(card, tmp_path, settings))
    assert not list((tmp_path / "training").glob("*/checkpoint-*"))


@pytest.mark.parametrize("missing", ["train", "validation"])
def test_both_splits_are_needed(card: Card, tmp_path: Path, missing: str) -> None:
    rows = [row for row in training_rows() if row.split != missing]
    with pytest.raises(TrainingError, match=f"^the data hold no {missing} rows; .*persona check"):
        train(tiny_loaded(), training_run(card, tmp_path, rows=rows))


def test_test_rows_are_never_trained_on(card: Card, tmp_path: Path) -> None:
    settings = replace(SETTINGS, epochs=1)
    probe = row("x", "test", "ひみつ")
    with_test = train(
        tiny_loaded(), training_run(card, tmp_path / "a", settings, [*training_rows(), probe])
    )
    without = train(tiny_loaded(), training_run(card, tmp_path / "b", settings))
    assert with_test["sha256"] == without["sha256"]


def test_a_row_longer_than_the_settings_allow_is_refused(card: Card, tmp_path: Path) -> None:
    settings = replace(SETTINGS, max_row_tokens=20)
    with pytest.raises(TrainingError, match="expected at most 20: shorten the dialogue"):
        train(tiny_loaded(), training_run(card, tmp_path, settings))


def test_progress_tells_steps_and_losses_and_nothing_else_is_printed(
    card: Card, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = Recorder()
    train(tiny_loaded(), training_run(card, tmp_path, report=told))
    assert capsys.readouterr().out == "", "standard output belongs to --json"
    assert [one.step for one in told.told] == list(range(1, 10))
    assert told.told[0].validation_loss is None
    last = told.told[-1]
    assert last.loss is not None
    assert last.validation_loss is not None


def test_the_recipes() -> None:
    seed, ours = recipe_settings("seed"), recipe_settings("default")
    assert (seed.alpha, seed.epochs, seed.rank) == (128, 10, 8)
    assert seed.patience_epochs >= seed.epochs, "none of the ten epochs is skipped"
    assert ours == SftSettings()
    assert (ours.rank, ours.dropout) == (8, 0.05)


def test_the_tiny_model_is_untouched_by_loading(card: Card) -> None:
    """The comparisons above rest on every load giving the same weights."""
    first: LoadedModel = tiny_loaded()
    torch.manual_seed(5)
    assert same_weights(first.model.state_dict(), tiny_loaded().model.state_dict())


@pytest.mark.parametrize("batch_rows", [1, 5])
def test_training_and_validation_loss_divide_by_the_same_tokens(
    card: Card, tmp_path: Path, batch_rows: int
) -> None:
    """A batch whose prefix reaches to its replies has a label in its first column."""
    settings = replace(
        SETTINGS,
        learning_rate=0.0,
        dropout=0,
        batch_rows=batch_rows,
        epochs=batch_rows,  # five steps, after which the loss is logged
        patience_epochs=10,
    )
    rows = [row(f"{split}{n}", split, "ですわ。") for split in SPLITS for n in range(5)]
    metrics = train(tiny_loaded(), training_run(card, tmp_path, settings, rows))["metrics"]
    assert isinstance(metrics, dict)
    assert metrics["last_training_loss"] == pytest.approx(metrics["best_validation_loss"], abs=1e-3)
