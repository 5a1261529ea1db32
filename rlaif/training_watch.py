"""What is told, written down and obeyed after every step of a preference training."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from persona.durable import write_file
from rlaif.errors import PreferenceTrainingError, TrainingStoppedError


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceProgress:
    """Told after every optimiser step. figures: the step's line of steps.jsonl."""

    step: int
    steps: int
    figures: Mapping[str, float]


class TrainingWatch(TrainerCallback):  # type: ignore[misc]
    """Writes steps.jsonl, reports, and ends the run after a step, with a checkpoint, when asked."""

    def __init__(
        self,
        *,
        log_file: Path,
        report: Callable[[PreferenceProgress], None] | None,
        should_stop: Callable[[], bool] | None,
    ) -> None:
        self._log_file = log_file
        self._report = report
        self._should_stop = should_stop

    def stop_if_asked(self) -> None:
        """Raise TrainingStoppedError when a stop was asked for before the first step."""
        if self._should_stop is not None and self._should_stop():
            raise TrainingStoppedError(
                "training stopped before its first step as asked; "
                "continue with `yogeiko night run --resume`"
            )

    def on_pre_optimizer_step(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: torch.nn.Module | None = None,
        **_: object,
    ) -> None:
        """Raise PreferenceTrainingError before a gradient that is no number reaches the weights."""
        if model is None:
            return
        for name, weight in model.named_parameters():
            if weight.grad is not None and not bool(torch.isfinite(weight.grad).all()):
                raise PreferenceTrainingError(
                    f"the gradient of {name} is no finite number after step {state.global_step}; "
                    "train again with a smaller learning rate"
                )

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Ask for a checkpoint and the end of the run when a stop was asked for."""
        if self._should_stop is not None and self._should_stop():
            control.should_save = True
            control.should_training_stop = True

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        """Write all steps so far; a resumed run brings those before it along, and no others."""
        entries = [entry for entry in state.log_history if "loss" in entry]
        if not entries or entries[-1] is not state.log_history[-1]:
            return
        text = "".join(json.dumps(entry, sort_keys=True) + "\n" for entry in entries)
        write_file(self._log_file, text.encode())
        if self._report is not None:
            self._report(
                PreferenceProgress(
                    step=state.global_step, steps=state.max_steps, figures=entries[-1]
                )
            )
