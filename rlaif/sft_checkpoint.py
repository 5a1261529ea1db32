"""Where an interrupted training of a regressor stands: one folder, whole or not at all."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from persona.durable import published_folder

_FOLDER, _TENSORS, _STATE = "checkpoint", "tensors.safetensors", "state.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What validation said after `step`: loss since the last one (None before any step), rho."""

    step: int
    loss: float | None
    rho: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """step: optimiser steps done. minutes: of work, all parts of it. ridge: the chosen penalty."""

    step: int = 0
    minutes: float = 0.0
    ridge: float = 0.0
    history: tuple[Evaluation, ...] = field(default_factory=tuple)

    @property
    def best(self) -> Evaluation:
        """The first evaluation of the highest rho."""
        return max(self.history, key=lambda one: one.rho)

    @property
    def since_best(self) -> int:
        """Evaluations after the best."""
        return len(self.history) - 1 - self.history.index(self.best)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """now, best: the regressor's own tensors. moments: the optimiser's, by name of the weight."""

    progress: Progress
    now: dict[str, torch.Tensor]
    best: dict[str, torch.Tensor]
    moments: dict[str, torch.Tensor]


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint in `folder` in one rename."""
    parts = {"now": checkpoint.now, "best": checkpoint.best, "moments": checkpoint.moments}
    tensors = {
        f"{part}/{name}": tensor.detach().cpu().clone()
        for part, own in parts.items()
        for name, tensor in own.items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    with published_folder(folder / _FOLDER) as partial:
        save_file(tensors, str(partial / _TENSORS))
        (partial / _STATE).write_text(json.dumps(asdict(checkpoint.progress)), encoding="utf-8")


def read_checkpoint(folder: Path) -> Checkpoint | None:
    """The checkpoint of `folder`; None when there is none that can be read."""
    try:
        text = (folder / _FOLDER / _STATE).read_text(encoding="utf-8")
        progress = TypeAdapter(Progress).validate_json(text)
        tensors = load_file(str(folder / _FOLDER / _TENSORS))
    except (OSError, SafetensorError, ValidationError):
        return None
    parts: dict[str, dict[str, torch.Tensor]] = {"now": {}, "best": {}, "moments": {}}
    for name, tensor in tensors.items():
        part, _, own = name.partition("/")
        parts.setdefault(part, {})[own] = tensor
    return Checkpoint(
        progress=progress, now=parts["now"], best=parts["best"], moments=parts["moments"]
    )
