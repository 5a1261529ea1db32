"""Where an interrupted training run stands, and when a run has trained enough."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from transformers import EarlyStoppingCallback, TrainerControl, TrainerState, TrainingArguments

_STATE = "trainer_state.json"


def evaluations_since_best(history: Sequence[dict[str, float]]) -> int:
    """Evaluations after the first of the lowest validation loss; 0 before any evaluation."""
    losses = [entry["eval_loss"] for entry in history if "eval_loss" in entry]
    return len(losses) - 1 - losses.index(min(losses)) if losses else 0


class Patience(EarlyStoppingCallback):
    """Stops after `epochs` evaluations without a better one, counting those before a resumption."""

    def __init__(self, epochs: int) -> None:
        super().__init__(early_stopping_patience=epochs)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Take up the count from the history that came with the checkpoint."""
        self.early_stopping_patience_counter = evaluations_since_best(state.log_history)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A checkpoint that was written to its end."""

    folder: Path
    state: TrainerState

    @property
    def best_folder(self) -> Path:
        """The checkpoint of the lowest validation loss so far."""
        return self.folder.with_name(f"checkpoint-{self.state.best_global_step}")

    def is_over(self, patience_epochs: int) -> bool:
        """Whether the run that wrote it had nothing more to train."""
        spent = evaluations_since_best(self.state.log_history) >= patience_epochs
        return spent or self.state.global_step >= self.state.max_steps


def last_checkpoint(work_folder: Path) -> Checkpoint | None:
    """The newest whole checkpoint; one that a kill left half-written is passed over."""
    folders = sorted(
        work_folder.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1])
    )
    for folder in reversed(folders):
        try:
            # Trainer writes this file last.
            state = TrainerState(**json.loads((folder / _STATE).read_text(encoding="utf-8")))
        except (OSError, ValueError):
            continue
        return Checkpoint(folder=folder, state=state)
    return None
