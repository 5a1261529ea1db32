"""Preference training on a tiny model: what it learns, publishes, and that kills change nothing."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from peft import PeftModel
from safetensors.torch import load_file
from trl import DPOConfig, DPOTrainer

from persona.adapter_folder import read_adapter
from persona.base_model import LoadedModel
from persona.card import SHIPPED_CARD, Card, load_card
from persona.durable import file_sha256
from persona.prompt import build_messages
from persona.sft import MANIFEST, WEIGHTS
from rlaif.errors import PreferenceTrainingError, TrainingStoppedError
from rlaif.preference_batch import encode_pair
from rlaif.preference_trainer import reference_pairs
from rlaif.train import Lineage, PreferenceRun, PreferenceSettings, train_preferences
from rlaif.training_pairs import TrainingPair
from rlaif.training_watch import PreferenceProgress
from tests.persona.tiny_model import tiny_loaded, tiny_model, tiny_tokenizer, write_adapter
from tests.rlaif.pair_fixtures import asking_pairs, seed_pairs

# 20 pairs and 5 of the card: seven steps.
_SETTINGS = PreferenceSettings(
    learning_rate=5e-3,
    batch_pairs=4,
    max_row_tokens=2000,
    safety_pairs=2,
    checkpoint_steps=2,
    max_kl=20,
)
_STEPS = 7


class _Killed(Exception):
    pass


@dataclass
class _Recorder:
    raise_at: int = 10_000

    def __post_init__(self) -> None:
        self.told: list[PreferenceProgress] = []

    def __call__(self, progress: PreferenceProgress) -> None:
        self.told.append(progress)
        if progress.step == self.raise_at:
            raise _Killed


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
def anchor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_adapter(tmp_path_factory.mktemp("anchors") / "anchor", seed=3)


def _run(
    card: Card,
    anchor: Path,
    home: Path,
    settings: PreferenceSettings = _SETTINGS,
    report: Callable[[PreferenceProgress], None] | None = None,
) -> PreferenceRun:
    return PreferenceRun(
        card=card, anchor_folder=anchor, pairs=asking_pairs(20),
        replay_pairs=seed_pairs(12, safety=4), work_folder=home / "night",
        adapters_folder=home / "adapters", settings=settings, report=report,
        lineage=Lineage(date="2025-09-24", active="live", details={"evaluator": "planted"}),
    )  # fmt: skip


@pytest.fixture(scope="module")
def calm(
    card: Card, anchor: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, object]]:
    """An uninterrupted run."""
    torch.set_num_threads(1)
    home = tmp_path_factory.mktemp("calm")
    return home, train_preferences(tiny_loaded(), _run(card, anchor, home))


def _weights(home: Path, manifest: dict[str, object]) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = load_file(home / "adapters" / str(manifest["id"]) / WEIGHTS)
    return found


def _same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(value, second[name]) for name, value in first.items()
    )


def _steps(home: Path, manifest: dict[str, object]) -> list[dict[str, float]]:
    log = home / "night" / str(manifest["id"]).rsplit("-", 1)[1] / "steps.jsonl"
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def test_the_manifest_says_what_was_trained_on_what(
    anchor: Path, calm: tuple[Path, dict[str, object]]
) -> None:
    home, manifest = calm
    folder = home / "adapters" / str(manifest["id"])
    assert json.loads((folder / MANIFEST).read_text(encoding="utf-8")) == manifest
    assert sorted(path.name for path in folder.iterdir()) == [
        "adapter_config.json", WEIGHTS, MANIFEST,
    ]  # fmt: skip
    assert str(manifest["id"]).startswith("ayane-night-2025-09-24-")
    assert manifest["sha256"] == file_sha256(folder / WEIGHTS)
    assert manifest["base_sha256"] == tiny_loaded().sha256
    assert (manifest["parent"], manifest["active"]) == ("anchor", "live")
    assert manifest["parent_sha256"] == file_sha256(anchor / WEIGHTS)
    assert manifest["settings"] == asdict(_SETTINGS)
    assert manifest["pair_ids"] == [f"pair-{n:03}" for n in range(20)]
    replay = manifest["replay_pair_ids"]
    assert isinstance(replay, list)
    assert len(replay) == 5
    assert sum(name < "seed-004" for name in replay) >= 2, "safety pairs"
    assert manifest["details"] == {"evaluator": "planted"}


def test_the_adapter_fits_the_engine_and_keeps_the_anchors_shape(
    anchor: Path, calm: tuple[Path, dict[str, object]]
) -> None:
    home, manifest = calm
    folder = home / "adapters" / str(manifest["id"])
    shapes = {
        name: (module.out_features, module.in_features)
        for name, module in tiny_model(10).named_modules()
        if isinstance(module, torch.nn.Linear) and "layers" in name
    }
    found = read_adapter(folder, shapes=shapes, base_sha256=tiny_loaded().sha256)
    assert set(found.pairs) == set(shapes)
    before = load_file(anchor / WEIGHTS)
    after = load_file(folder / WEIGHTS)
    assert before.keys() == after.keys()
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"]) == (4, 8)
    assert config["base_model_name_or_path"] is None


def test_the_run_starts_at_the_anchor_and_learns_the_preference(
    calm: tuple[Path, dict[str, object]],
) -> None:
    steps = _steps(*calm)
    assert [entry["step"] for entry in steps] == list(range(1, _STEPS + 1))
    first, last = steps[0], steps[-1]
    assert first["loss/sigmoid"] == pytest.approx(0.693147, abs=1e-4), "the policy is the anchor"
    assert first["kl"] == pytest.approx(0, abs=1e-6)
    assert first["rewards/margins"] == pytest.approx(0, abs=1e-4)
    assert last["rewards/margins"] > 0.1
    assert last["rewards/accuracies"] >= 0.9
    assert last["loss/sigmoid"] < first["loss/sigmoid"]
    assert last["kl"] > 0
    expected = {
        "loss", "loss/sigmoid", "loss/sft", "rewards/chosen", "rewards/rejected",
        "rewards/margins", "rewards/accuracies", "kl", "tokens/chosen", "tokens/rejected",
        "logps/chosen", "logps/rejected", "learning_rate", "grad_norm", "step",
    }  # fmt: skip
    assert expected <= set(first)


def test_the_published_adapter_prefers_what_was_chosen(
    card: Card, anchor: Path, calm: tuple[Path, dict[str, object]]
) -> None:
    home, manifest = calm
    pairs = [encode_pair(tiny_tokenizer(), card, p.preference, 2000) for p in asking_pairs(10)]

    def margin(folder: Path) -> float:
        model = PeftModel.from_pretrained(tiny_loaded().model, folder).eval()
        found = reference_pairs(model, pairs, max_pack_tokens=2048, autocast=None)
        return sum((one.chosen.sum() - one.rejected.sum()).item() for one in found) / len(found)

    assert margin(home / "adapters" / str(manifest["id"])) > margin(anchor) + 1


@pytest.mark.parametrize("raise_at", [1, 4, 6])
def test_an_interrupted_run_ends_as_an_uninterrupted_one(
    card: Card,
    anchor: Path,
    calm: tuple[Path, dict[str, object]],
    tmp_path: Path,
    raise_at: int,
) -> None:
    home, manifest = calm
    with pytest.raises(_Killed):
        train_preferences(tiny_loaded(), _run(card, anchor, tmp_path, report=_Recorder(raise_at)))
    assert not (tmp_path / "adapters").exists()
    second = _Recorder()
    torch.manual_seed(99)
    resumed = train_preferences(tiny_loaded(), _run(card, anchor, tmp_path, report=second))
    # A kill inside step 4 comes before its checkpoint; that of step 2 is the last.
    kept = (raise_at - 1) // 2 * 2
    assert [one.step for one in second.told] == list(range(kept + 1, _STEPS + 1))
    assert {one.steps for one in second.told} == {_STEPS}
    assert resumed["id"] == manifest["id"]
    assert resumed["metrics"] == manifest["metrics"]
    assert _same(_weights(tmp_path, resumed), _weights(home, manifest))
    assert _steps(tmp_path, resumed) == _steps(home, manifest), "no step is lost or told twice"


def test_a_stop_keeps_a_checkpoint_and_publishes_nothing(
    card: Card, anchor: Path, calm: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    home, manifest = calm
    told = _Recorder()
    run = replace(
        _run(card, anchor, tmp_path, report=told), should_stop=lambda: len(told.told) >= 2
    )
    with pytest.raises(TrainingStoppedError, match="stopped after step 3 of 7 as asked"):
        train_preferences(tiny_loaded(), run)
    assert not (tmp_path / "adapters").exists()
    second = _Recorder()
    resumed = train_preferences(tiny_loaded(), _run(card, anchor, tmp_path, report=second))
    assert second.told[0].step == 4
    assert _same(_weights(tmp_path, resumed), _weights(home, manifest))


def test_a_stop_before_the_first_step_costs_nothing(
    card: Card, anchor: Path, tmp_path: Path
) -> None:
    run = replace(_run(card, anchor, tmp_path), should_stop=lambda: True)
    with pytest.raises(TrainingStoppedError, match="before its first step"):
        train_preferences(tiny_loaded(), run)


def test_a_finished_run_is_returned_and_a_killed_publication_repeated(
    card: Card, anchor: Path, calm: tuple[Path, dict[str, object]]
) -> None:
    home, manifest = calm
    again = _Recorder()
    assert train_preferences(tiny_loaded(), _run(card, anchor, home, report=again)) == manifest
    expected = _weights(home, manifest)
    shutil.rmtree(home / "adapters")
    second = train_preferences(tiny_loaded(), _run(card, anchor, home, report=again))
    assert again.told == [], "nothing was trained twice"
    assert second["metrics"] == manifest["metrics"]
    assert _same(_weights(home, second), expected)


def test_the_order_of_the_pairs_makes_no_difference_but_their_set_does(
    card: Card, anchor: Path, calm: tuple[Path, dict[str, object]]
) -> None:
    home, manifest = calm
    run = _run(card, anchor, home)
    turned = replace(run, pairs=list(run.pairs)[::-1], replay_pairs=list(run.replay_pairs)[::-1])
    assert train_preferences(tiny_loaded(), turned)["id"] == manifest["id"]
    fewer = replace(run, pairs=run.pairs[:-1])
    assert train_preferences(tiny_loaded(), fewer)["id"] != manifest["id"]


def test_a_loss_that_is_no_number_stops_the_run(card: Card, anchor: Path, tmp_path: Path) -> None:
    loaded = tiny_loaded()
    loaded.model.get_input_embeddings().weight.data[10:] = float("nan")
    with pytest.raises(PreferenceTrainingError, match="diverged after step 0: loss nan"):
        train_preferences(loaded, _run(card, anchor, tmp_path))
    assert not (tmp_path / "adapters").exists()


def test_a_rate_that_destroys_the_weights_stops_the_run(
    card: Card, anchor: Path, tmp_path: Path
) -> None:
    settings = replace(_SETTINGS, learning_rate=1e38, warmup_share=0.0)
    with pytest.raises(PreferenceTrainingError, match="smaller learning rate"):
        train_preferences(tiny_loaded(), _run(card, anchor, tmp_path, settings))
    assert not (tmp_path / "adapters").exists()


def test_leaving_the_anchor_too_far_stops_the_run(card: Card, anchor: Path, tmp_path: Path) -> None:
    settings = replace(_SETTINGS, learning_rate=0.3, max_kl=0.5)
    with pytest.raises(PreferenceTrainingError, match=r"nats per token; .* at most 0\.5"):
        train_preferences(tiny_loaded(), _run(card, anchor, tmp_path, settings))
    assert not (tmp_path / "adapters").exists()


def test_an_anchor_of_another_base_is_refused(card: Card, tmp_path: Path) -> None:
    other = write_adapter(tmp_path / "other", seed=3, base="c" * 64)
    with pytest.raises(
        PreferenceTrainingError, match=r"the anchor cannot be used: .* was trained on base c+;"
    ):
        train_preferences(tiny_loaded(), _run(card, other, tmp_path))


def test_no_pairs_no_training(card: Card, anchor: Path, tmp_path: Path) -> None:
    with pytest.raises(PreferenceTrainingError, match="there are no pairs"):
        train_preferences(tiny_loaded(), replace(_run(card, anchor, tmp_path), pairs=[]))


def test_nothing_is_printed(
    card: Card, anchor: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train_preferences(tiny_loaded(), _run(card, anchor, tmp_path))
    assert capsys.readouterr().out == "", "standard output belongs to --json"


def test_losses_are_those_of_the_stock_trainer(
    card: Card, anchor: Path, calm: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    home, manifest = calm
    loaded = tiny_loaded()
    # It would add one more token behind the end of the turn.
    loaded.tokenizer.eos_token = "<end_of_turn>"
    by_id = {pair.id: pair for pair in (*asking_pairs(20), *seed_pairs(12, safety=4))}
    pair_ids, replay_ids = manifest["pair_ids"], manifest["replay_pair_ids"]
    assert isinstance(pair_ids, list)
    assert isinstance(replay_ids, list)
    rows = [_stock_row(loaded, card, by_id[name]) for name in (*pair_ids, *replay_ids)]
    model = PeftModel.from_pretrained(loaded.model, anchor, is_trainable=True)
    trainer = DPOTrainer(
        model=model,
        args=DPOConfig(
            output_dir=str(tmp_path), per_device_train_batch_size=4, num_train_epochs=1,
            learning_rate=5e-3, lr_scheduler_type="cosine", warmup_steps=0.1, max_grad_norm=1.0,
            beta=0.1, loss_type=["sigmoid", "sft"], logging_steps=1, save_strategy="no",
            seed=_SETTINGS.seed, data_seed=_SETTINGS.seed, use_cpu=True, bf16=False,
            gradient_checkpointing=False, max_length=None, report_to=[], disable_tqdm=True,
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=loaded.tokenizer,
    )  # fmt: skip
    trainer.train()
    stock = [entry for entry in trainer.state.log_history if "loss" in entry]
    ours = _steps(home, manifest)
    for theirs, own in zip(stock, ours, strict=True):
        assert own["loss"] == pytest.approx(theirs["loss"], abs=1e-4)
        for name in ("rewards/chosen", "rewards/rejected", "rewards/margins"):
            assert own[name] == pytest.approx(theirs[name], abs=1e-3)


def _stock_row(loaded: LoadedModel, card: Card, pair: TrainingPair) -> dict[str, str]:
    one = pair.preference
    messages = build_messages(card, one.turns[:-1], one.turns[-1].content, one.facts)
    prompt = loaded.tokenizer.apply_chat_template(
        [{"role": m.role, "content": m.content} for m in messages],
        add_generation_prompt=True,
        tokenize=False,
    )
    return {
        "prompt": prompt,
        "chosen": f"{one.chosen}<end_of_turn>",
        "rejected": f"{one.rejected}<end_of_turn>",
    }
