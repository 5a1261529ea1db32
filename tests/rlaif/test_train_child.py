"""Real children on a tiny model: killed, stopped, resumed, and bounded in memory."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from persona.base_model import LoadOptions, load_model
from persona.card import SHIPPED_CARD, load_card
from persona.sft import WEIGHTS
from rlaif.errors import TrainingDiedError, TrainingMemoryError, TrainingStoppedError
from rlaif.run_child import run_training_child
from rlaif.train import Lineage, PreferenceRun, PreferenceSettings, train_preferences
from rlaif.training_job import ChildLimits, TrainingJob
from rlaif.training_watch import PreferenceProgress
from tests.persona.tiny_model import tiny_loaded, write_adapter
from tests.rlaif.pair_fixtures import asking_pairs, seed_pairs

pytestmark = pytest.mark.timeout(600)


@dataclass
class _Teller:
    """Does something at a step."""

    at: int
    action: Callable[[], None]

    def __post_init__(self) -> None:
        self.steps: list[int] = []

    def __call__(self, progress: PreferenceProgress) -> None:
        self.steps.append(progress.step)
        if progress.step == self.at:
            self.action()


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> TrainingJob:
    home = tmp_path_factory.mktemp("home")
    model, tiny = home / "tiny", tiny_loaded()
    tiny.model.save_pretrained(model)
    tiny.tokenizer.save_pretrained(model)
    base = load_model(str(model), home, LoadOptions(threads=1)).sha256
    return TrainingJob(
        model=str(model),
        models_folder=home,
        card_folder=SHIPPED_CARD,
        anchor_folder=write_adapter(home / "anchor", seed=3, base=base),
        pairs=tuple(asking_pairs(20)),
        replay_pairs=tuple(seed_pairs(12, safety=4)),
        work_folder=home / "work",
        adapters_folder=home / "adapters",
        lineage=Lineage(date="2025-09-24"),
        settings=PreferenceSettings(
            batch_pairs=2, max_row_tokens=2000, safety_pairs=2, checkpoint_steps=3, max_kl=20
        ),
        limits=ChildLimits(nice=3, threads=1),
    )


def _nothing() -> None:
    return None


def _only_child() -> psutil.Process:
    # Other tests of the same run may have left a process of their own.
    (child,) = (one for one in psutil.Process().children() if "rlaif.train_child" in one.cmdline())
    return child


def test_killed_stopped_and_resumed_it_ends_as_an_uninterrupted_run(
    job: TrainingJob, tmp_path: Path
) -> None:
    seen: list[int] = []

    def kill() -> None:
        seen.append(_only_child().nice() - psutil.Process().nice())
        os.kill(_only_child().pid, signal.SIGKILL)

    first = _Teller(5, kill)
    with pytest.raises(TrainingDiedError, match="was killed"):
        run_training_child(job, first, lambda: False)
    assert seen == [3], "it gives way to chat"
    assert not job.adapters_folder.exists()

    second = _Teller(0, _nothing)
    with pytest.raises(TrainingStoppedError, match=r"stopped after step \d+ of 13 as asked"):
        run_training_child(job, second, lambda: bool(second.steps))
    # Between the parent's kill and its arrival a checkpoint of step 6 may have been written.
    assert second.steps[0] in {4, 7}
    assert not job.adapters_folder.exists()

    third = _Teller(0, _nothing)
    manifest = run_training_child(job, third, lambda: False)
    assert third.steps == list(range(second.steps[-1] + 1, 14)), "the stop kept its last step"

    threads = torch.get_num_threads()
    calm = train_preferences(
        load_model(job.model, job.models_folder, LoadOptions(threads=1)),
        PreferenceRun(
            card=load_card(job.card_folder), anchor_folder=job.anchor_folder, pairs=job.pairs,
            replay_pairs=job.replay_pairs, work_folder=tmp_path / "work",
            adapters_folder=tmp_path / "adapters", lineage=job.lineage, settings=job.settings,
        ),
    )  # fmt: skip
    torch.set_num_threads(threads)
    assert calm["id"] == manifest["id"]
    assert calm["metrics"] == manifest["metrics"]
    alone = load_file(tmp_path / "adapters" / str(calm["id"]) / WEIGHTS)
    resumed = load_file(job.adapters_folder / str(manifest["id"]) / WEIGHTS)
    assert all(torch.equal(value, resumed[name]) for name, value in alone.items())
    steps = next((tmp_path / "work").glob("*/steps.jsonl")).read_text()
    assert next(job.work_folder.glob("*/steps.jsonl")).read_text() == steps


def test_a_child_past_its_memory_bound_is_a_typed_error(job: TrainingJob, tmp_path: Path) -> None:
    bounded = replace(
        job,
        work_folder=tmp_path / "work",
        adapters_folder=tmp_path / "adapters",
        limits=ChildLimits(nice=3, threads=1, memory_bytes=400 << 20),
    )
    with pytest.raises(TrainingMemoryError, match=r"more than the 0\.4 GiB it may use"):
        run_training_child(bounded, _Teller(0, _nothing), lambda: False)
    assert not (tmp_path / "adapters").exists()
