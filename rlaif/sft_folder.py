"""A regressor on disk: `regressor.safetensors` and, written last, `manifest.json`. No pickle.

The tensors are LoRA factors, the head and the knots of calibration; the settings that give them
their meaning stand in the tensors' own file too, so that the sum in the manifest covers all of it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from persona.base_model import LoadedModel
from persona.durable import file_sha256, published_folder
from rlaif.errors import EvaluatorError
from rlaif.evaluation_only import read_mark
from rlaif.metrics import METRIC_KEYS
from rlaif.sft_calibration import Curve
from rlaif.sft_model import Regressor
from rlaif.sft_settings import RegressorSettings
from rlaif.sft_texts import READING_VERSION

TENSORS, MANIFEST = "regressor.safetensors", "manifest.json"
_AGAIN = "run `yogeiko evaluator fit --kind sft`"


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedRegressor:
    """A regressor with the curves that turn its figures into points, one per metric."""

    regressor: Regressor
    curves: tuple[Curve, ...]
    settings: RegressorSettings
    id: str


def save_regressor(
    folder: Path,
    regressor: Regressor,
    curves: Sequence[Curve],
    settings: RegressorSettings,
    about: Mapping[str, object],
) -> dict[str, object]:
    """Publish the folder in one rename and return its manifest; `about` says what it was fitted on,
    on which base (`base_sha256`), and how well it does."""
    tensors = {f"regressor/{name}": tensor for name, tensor in regressor.learnt().items()}
    for key, curve in zip(METRIC_KEYS, curves, strict=True):
        tensors[f"curve/{key}"] = torch.from_numpy(np.stack([curve.figures, curve.points]))
    meaning = json.dumps({"settings": asdict(settings), "reading": READING_VERSION})
    folder.parent.mkdir(parents=True, exist_ok=True)
    with published_folder(folder) as partial:
        save_file(tensors, str(partial / TENSORS), metadata={"meaning": meaning})
        manifest: dict[str, object] = {
            "kind": "sft",
            **about,
            "settings": asdict(settings),
            "reading_version": READING_VERSION,
            "metrics": list(METRIC_KEYS),
            "sha256": file_sha256(partial / TENSORS),
        }
        text = json.dumps(manifest, ensure_ascii=False, indent=2) + "\n"
        (partial / MANIFEST).write_text(text, encoding="utf-8")
    return manifest


def regressor_id(manifest: Mapping[str, object]) -> str:
    """The id under which its scores are stored, with its mark if it has one."""
    return read_mark(manifest).on_id(f"sft-{str(manifest['sha256'])[:12]}")


def regressor_id_on_disk(folder: Path) -> str:
    """The id of the regressor in a folder, from the manifest alone. Raises EvaluatorError."""
    try:
        return regressor_id(json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EvaluatorError(
            f"the sft evaluator in {folder} cannot be read ({error!r}); expected {MANIFEST} with "
            f"sha256: {_AGAIN}"
        ) from error


def load_regressor(folder: Path, loaded: LoadedModel) -> FittedRegressor:
    """Put the regressor of a folder on its base, which stays as it is.

    Raises EvaluatorError when it is missing, altered or made for another base.
    """
    try:
        manifest: dict[str, object] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        found = file_sha256(folder / TENSORS)
        with safe_open(str(folder / TENSORS), framework="pt") as file:
            meaning = json.loads((file.metadata() or {}).get("meaning", "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, ValueError, SafetensorError) as error:
        raise EvaluatorError(
            f"{folder} holds no sft evaluator ({error}); expected {TENSORS} and {MANIFEST}: {_AGAIN}"
        ) from error
    for what, value, expected in (
        ("sha256", found, manifest.get("sha256")),
        ("way of reading", READING_VERSION, meaning.get("reading")),
        ("settings", meaning.get("settings"), manifest.get("settings")),
        ("metrics", list(METRIC_KEYS), manifest.get("metrics")),
        ("base model", loaded.sha256, manifest.get("base_sha256")),
    ):
        if value != expected:
            raise EvaluatorError(
                f"the sft evaluator in {folder} was made for another {what} ({expected!r}, now "
                f"{value!r}); {_AGAIN}"
            )
    try:
        settings = TypeAdapter(RegressorSettings).validate_python(meaning["settings"])
        # Texts of a night do not come twice: nothing of them is kept.
        regressor = Regressor(loaded, replace(settings, kept_tokens=0))
        prefix = "regressor/"
        own = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
        regressor.take(own)
        curves = tuple(_curve(tensors[f"curve/{key}"]) for key in METRIC_KEYS)
    except (KeyError, ValueError, ValidationError) as error:
        raise EvaluatorError(f"{folder / TENSORS} does not fit ({error}); {_AGAIN}") from error
    return FittedRegressor(
        regressor=regressor.eval(), curves=curves, settings=settings, id=regressor_id(manifest)
    )


def _curve(knots: torch.Tensor) -> Curve:
    figures, points = knots.double().numpy()
    return Curve(figures=figures, points=points)
