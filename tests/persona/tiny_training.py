"""Small rows and settings that a tiny model trains on in seconds."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file

from persona.card import Card
from persona.dialogues import DialogueRow, Split
from persona.engine import Message
from persona.sft import (
    WEIGHTS,
    SftSettings,
    TrainingProgress,
    TrainingRun,
)

SETTINGS = SftSettings(
    epochs=3, batch_rows=3, learning_rate=1e-2, patience_epochs=3, max_row_tokens=2000
)
STEPS_PER_EPOCH = 3
SPLITS: tuple[Split, ...] = ("train", "validation")
ANSWERS = ("あやね", "ながの", "ねこ", "いぬ", "ほん", "うみ", "やま")


class KilledError(Exception):
    pass


@dataclass
class Recorder:
    """Keeps what was told; raises at a step."""

    raise_at: int = 10_000

    def __post_init__(self) -> None:
        self.told: list[TrainingProgress] = []

    def __call__(self, progress: TrainingProgress) -> None:
        self.told.append(progress)
        if progress.step == self.raise_at:
            raise KilledError


def row(name: str, split: Split, reply: str, history: tuple[Message, ...] = ()) -> DialogueRow:
    return DialogueRow(
        id=name, kind="style", topic="t", history=history, user="なまえは？", reply=reply,
        facts=(), gold=None, keys=(), twin=None, split=split,
    )  # fmt: skip


def training_rows() -> list[DialogueRow]:
    before = (Message(role="user", content="やあ"), Message(role="assistant", content="はい。"))
    return [
        *(
            row(f"t{number}", "train", f"{answer}ですわ。", before if number % 2 else ())
            for number, answer in enumerate(ANSWERS)
        ),
        *(row(f"v{number}", "validation", f"{a}ですわ。") for number, a in enumerate(ANSWERS[:2])),
    ]  # fmt: skip


def contrary_rows() -> list[DialogueRow]:
    """What is learned makes the validation rows ever less likely."""
    return [
        *(row(f"t{number}", "train", "ああああああ") for number in range(7)),
        row("v0", "validation", "んんんんんん"),
    ]


def training_run(
    card: Card,
    home: Path,
    settings: SftSettings = SETTINGS,
    rows: list[DialogueRow] | None = None,
    report: Callable[[TrainingProgress], None] | None = None,
) -> TrainingRun:
    return TrainingRun(
        card=card, rows=rows or training_rows(), work_folder=home / "training",
        adapters_folder=home / "adapters", settings=settings, report=report,
    )  # fmt: skip


def weights_of(home: Path, manifest: dict[str, object]) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = load_file(home / "adapters" / str(manifest["id"]) / WEIGHTS)
    return weights


def validation_losses(manifest: dict[str, object]) -> list[float]:
    metrics = manifest["metrics"]
    assert isinstance(metrics, dict)
    losses: list[float] = metrics["validation_loss_per_epoch"]
    return losses


def same_weights(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return set(first) == set(second) and all(torch.equal(first[k], second[k]) for k in first)
