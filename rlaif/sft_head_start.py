"""The head that training begins with: ridge regression on what the base says before any LoRA."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from persona.durable import published_folder
from rlaif.sft_model import Regressor
from rlaif.sft_rows import FitRows, rank_correlation

_LEAST_SCALE = 1e-3
_TEXTS_BETWEEN_SAVES = 40
_TENSORS = "features.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadStart:
    """Fits the heads of `regressor`. What the base says is kept in `folder`, so that an interrupted
    start goes on; `report` is told the stage and its share."""

    regressor: Regressor
    folder: Path
    report: Callable[[str, float], None]

    def fit(
        self,
        rows: FitRows,
        validation: FitRows,
        drawn: torch.Tensor,
        penalties: Sequence[float],
    ) -> float:
        """Set scale and heads, and return the penalty whose head ranks validation best.

        drawn: [members, rows], how often each member has each row.
        """
        features = self._features(rows, "rows")
        held_out = self._features(validation, "validation")
        self.report("head on the frozen base", 0.0)
        regressor = self.regressor
        regressor.centre.copy_(features.mean(0))
        regressor.scale.copy_(features.std(0).clamp_min(_LEAST_SCALE))
        device = regressor.centre.device
        inputs = regressor.standardised(features.to(device)).cpu()
        others = regressor.standardised(held_out.to(device)).cpu()
        value = torch.from_numpy(rows.targets.value).float()
        weight = torch.from_numpy(rows.targets.weight).float()
        scores = {}
        for penalty in penalties:
            answers, biases = ridge(inputs, value, weight, penalty)
            table = (others @ answers + biases).double().numpy()
            scores[penalty] = rank_correlation(table, validation)
        chosen = max(scores, key=lambda penalty: scores[penalty])
        with torch.no_grad():
            for member, own in enumerate(drawn):
                answers, biases = ridge(inputs, value, weight * own[:, None], chosen)
                regressor.weight[member] = answers
                regressor.bias[member] = biases
        self.report("head on the frozen base", 1.0)
        return chosen

    def _features(self, rows: FitRows, name: str) -> torch.Tensor:
        """[rows, F] before any training; what an interrupted run kept is not made again."""
        folder = self.folder / f"frozen-{name}"
        texts = rows.by_text()
        features, done = _kept(folder)
        if features is None:
            features = torch.zeros(len(rows.readings), len(self.regressor.centre))
        self.regressor.eval()
        for place in range(done, len(texts)):
            own = list(texts[place])
            with torch.no_grad():
                features[own] = self.regressor.encoder([rows.readings[row] for row in own]).cpu()
            self.report(f"frozen base, {name}", (place + 1) / len(texts))
            if (place + 1) % _TEXTS_BETWEEN_SAVES == 0 or place + 1 == len(texts):
                _keep(folder, features, place + 1)
        return features


def ridge(
    inputs: torch.Tensor, value: torch.Tensor, weight: torch.Tensor, penalty: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weights [F, outputs] and biases [outputs] of every column by itself.

    inputs: [rows, F] standardised. value, weight: [rows, outputs]; a column of no weight gives
    zeros. Minimises the weighted squared error plus penalty * F times the squared weights; solved
    in the space of rows or of features, whichever is smaller.
    """
    columns = [(value[:, n], weight[:, n]) for n in range(value.shape[1])]
    answers = torch.zeros(inputs.shape[1], len(columns), dtype=torch.float64)
    biases = torch.zeros(len(columns), dtype=torch.float64)
    done: set[int] = set()
    for first, (_, shares) in enumerate(columns):
        if first in done or not bool((shares > 0).any()):
            continue
        # Columns that weigh the rows alike are solved together.
        alike = [n for n, (_, own) in enumerate(columns) if torch.equal(own, shares)]
        done.update(alike)
        rows = shares > 0
        own = shares[rows].double()
        chosen, wanted = inputs[rows].double(), value[rows][:, alike].double()
        middle = own @ chosen / own.sum()
        mean = own @ wanted / own.sum()
        root = own.sqrt()[:, None]
        answers[:, alike] = _solve(
            root * (chosen - middle), root * (wanted - mean), penalty * inputs.shape[1]
        )
        biases[alike] = mean - middle @ answers[:, alike]
    return answers.float(), biases.float()


def _solve(left: torch.Tensor, right: torch.Tensor, penalty: float) -> torch.Tensor:
    rows, features = left.shape
    small = left @ left.T if rows <= features else left.T @ left
    small.diagonal().add_(penalty)
    factor = torch.linalg.cholesky(small)
    if rows <= features:
        return left.T @ torch.cholesky_solve(right, factor)
    return torch.cholesky_solve(left.T @ right, factor)


def _kept(folder: Path) -> tuple[torch.Tensor | None, int]:
    try:
        tensors = load_file(str(folder / _TENSORS))
        return tensors["features"], int(tensors["texts"])
    except (OSError, SafetensorError, KeyError):
        return None, 0


def _keep(folder: Path, features: torch.Tensor, texts: int) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with published_folder(folder) as partial:
        tensors = {"features": features, "texts": torch.tensor(texts)}
        save_file(tensors, str(partial / _TENSORS))
