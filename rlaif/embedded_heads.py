"""Small heads on frozen features: twelve estimates by an ensemble, kept without pickle.

A folder of heads holds `heads.safetensors` and `manifest.json`; the manifest is written last and
carries the SHA-256 of the tensors, so a folder without a fitting manifest is no heads.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from persona.durable import file_sha256, write_file
from rlaif.errors import EvaluatorError
from rlaif.evaluation_only import read_mark
from rlaif.features import FEATURE_VERSION, FIGURE_NAMES, Features
from rlaif.metrics import METRIC_KEYS, SCALE

SHIPPED_HEADS = Path(__file__).parent / "heads"
TENSORS, MANIFEST = "heads.safetensors", "manifest.json"

_BOUND = 4.0
"""Standardised features beyond this many deviations say no more than this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadWeights:
    """An ensemble of M members over S state and F figure columns.

    state_mean, state_basis: [S], [S, K] (whitened principal directions). figure_mean,
    figure_scale: [F]. hidden: [M, K + F, H], hidden_bias: [M, H]. out: [M, H, 12],
    skip: [M, K + F, 12], out_bias: [M, 12], metrics in the order of METRIC_KEYS.
    opinion: [K + F, 12], opinion_bias: [12]: what raters' own scores add, in points.
    """

    state_mean: torch.Tensor
    state_basis: torch.Tensor
    figure_mean: torch.Tensor
    figure_scale: torch.Tensor
    hidden: torch.Tensor
    hidden_bias: torch.Tensor
    out: torch.Tensor
    skip: torch.Tensor
    out_bias: torch.Tensor
    opinion: torch.Tensor
    opinion_bias: torch.Tensor

    @property
    def members(self) -> int:
        """How many estimates are made of each impression."""
        return int(self.out.shape[0])


def head_inputs(weights: HeadWeights, features: Features) -> torch.Tensor:
    """Standardised features [rows, K + F]."""
    return standardise(
        torch.from_numpy(features.states),
        torch.from_numpy(features.figures),
        (weights.state_mean, weights.state_basis),
        (weights.figure_mean, weights.figure_scale),
    )


def standardise(
    states: torch.Tensor,
    figures: torch.Tensor,
    state_map: tuple[torch.Tensor, torch.Tensor],
    figure_map: tuple[torch.Tensor, torch.Tensor],
) -> torch.Tensor:
    """States on their principal directions beside scaled figures, all bounded."""
    mean, basis = state_map
    centre, scale = figure_map
    parts = [(states - mean) @ basis, (figures - centre) / scale]
    return torch.cat(parts, dim=1).clamp(-_BOUND, _BOUND)


def member_logits(weights: HeadWeights, inputs: torch.Tensor) -> torch.Tensor:
    """[M, rows, 12] log-odds that an impression is unspoilt."""
    inner = torch.relu(
        torch.einsum("ri,mih->mrh", inputs, weights.hidden) + weights.hidden_bias[:, None]
    )
    straight = torch.einsum("ri,mio->mro", inputs, weights.skip)
    return torch.einsum("mrh,mho->mro", inner, weights.out) + straight + weights.out_bias[:, None]


def estimate(weights: HeadWeights, features: Features) -> tuple[torch.Tensor, torch.Tensor]:
    """Values and spread, each [rows, 12] in points of 0..10.

    A value is the members' mean of 10 * sigmoid(log-odds) plus what raters' opinions add.
    """
    return estimate_inputs(weights, head_inputs(weights, features))


def estimate_inputs(
    weights: HeadWeights, inputs: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """`estimate` of standardised features [rows, K + F]."""
    unspoilt = torch.sigmoid(member_logits(weights, inputs)) * SCALE[1]
    opinion = inputs @ weights.opinion + weights.opinion_bias
    each = (unspoilt + opinion).clamp(*SCALE)
    return each.mean(0), each.std(0, unbiased=False)


def save_heads(folder: Path, weights: HeadWeights, about: Mapping[str, object]) -> None:
    """Write tensors and then the manifest; `about` says what they were fitted on, and how well."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: getattr(weights, name).contiguous() for name in HeadWeights.__slots__}
    save_file(tensors, str(folder / TENSORS))
    manifest = {
        **about,
        "feature_version": FEATURE_VERSION,
        "figures": list(FIGURE_NAMES),
        "metrics": list(METRIC_KEYS),
        "sha256": file_sha256(folder / TENSORS),
    }
    text = json.dumps(manifest, ensure_ascii=False, indent=2) + "\n"
    write_file(folder / MANIFEST, text.encode())


def evaluator_id(manifest: Mapping[str, object]) -> str:
    """Return the id under which scores of these heads are stored, with its mark if it has one."""
    return read_mark(manifest).on_id(f"embedded-{str(manifest['sha256'])[:12]}")


def evaluator_id_on_disk(folder: Path) -> str:
    """Return the id of the heads in a folder, from the manifest alone. Raises EvaluatorError."""
    try:
        manifest: dict[str, object] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return evaluator_id(manifest)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EvaluatorError(
            f"the heads in {folder} cannot be read ({error!r}); expected {MANIFEST} with sha256: "
            "run `yogeiko evaluator fit`"
        ) from error


def load_heads(folder: Path, base_sha256: str) -> tuple[HeadWeights, dict[str, object]]:
    """Weights and manifest of a folder.

    Raises EvaluatorError when they are missing, altered, or made for another base or other features.
    """
    try:
        manifest: dict[str, object] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        found = file_sha256(folder / TENSORS)
        tensors = load_file(str(folder / TENSORS))
    except (OSError, ValueError, SafetensorError) as error:
        raise EvaluatorError(
            f"{folder} holds no evaluator heads ({error}); "
            "expected heads.safetensors and manifest.json: run `yogeiko evaluator fit`"
        ) from error
    for what, value, expected in (
        ("sha256", found, manifest.get("sha256")),
        ("feature version", FEATURE_VERSION, manifest.get("feature_version")),
        ("figures", list(FIGURE_NAMES), manifest.get("figures")),
        ("metrics", list(METRIC_KEYS), manifest.get("metrics")),
        ("base model", base_sha256, manifest.get("base_sha256")),
    ):
        if value != expected:
            raise EvaluatorError(
                f"the heads in {folder} were made for another {what} ({expected!r}, now {value!r}); "
                "run `yogeiko evaluator fit`"
            )
    if set(tensors) != set(HeadWeights.__slots__):
        raise EvaluatorError(f"{folder / TENSORS} holds other tensors; run `yogeiko evaluator fit`")
    return HeadWeights(**tensors), manifest


def reviews_until(folder: Path) -> datetime | None:
    """When the newest operator's review was written that the heads of `folder` learnt from."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    written = manifest.get("reviews_until")
    return None if written is None else datetime.fromisoformat(written)
