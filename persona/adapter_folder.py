"""Reading a PEFT LoRA folder without trusting it.

Everything is checked before a single tensor reaches the model: only safetensors are read, nothing
is ever unpickled, links are refused, digests and shapes must match.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors

from persona.errors import AdapterError

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
MANIFEST = "manifest.json"

_PICKLED = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".npy", ".npz", ".joblib"})
_KEY = re.compile(r"base_model\.model\.(?P<path>.+)\.lora_(?P<side>[AB])\.weight")
_MAX_FILES = 200
_UNSUPPORTED: tuple[tuple[str, "JSON"], ...] = (
    ("use_dora", False),
    ("lora_bias", False),
    ("fan_in_fan_out", False),
    ("rank_pattern", {}),
    ("alpha_pattern", {}),
    ("modules_to_save", None),
    ("bias", "none"),
)

JSON = str | int | float | bool | None | list["JSON"] | dict[str, "JSON"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraPair:
    """The two factors of one Linear: a [r, in], b [out, r]; b already holds the scale. Both fp32."""

    a: torch.Tensor
    b: torch.Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterWeights:
    """A validated adapter: module path within the model -> factors; sha256 of the safetensors."""

    pairs: Mapping[str, LoraPair]
    sha256: str


def read_adapter(
    folder: Path, *, shapes: Mapping[str, tuple[int, int]], base_sha256: str
) -> AdapterWeights:
    """Read and validate an adapter folder against the Linear modules of the model.

    shapes: module path -> (out_features, in_features). Raises AdapterError, having changed nothing.
    """
    _check_files(folder)
    config = _read_json(folder / CONFIG)
    rank, scale = _rank_and_scale(folder, config)
    try:
        raw = (folder / WEIGHTS).read_bytes()
    except OSError as error:
        raise AdapterError(
            f"{folder / WEIGHTS} cannot be read ({error}); expected LoRA weights in safetensors"
        ) from error
    sha256 = hashlib.sha256(raw).hexdigest()
    if (folder / MANIFEST).exists():
        _check_manifest(folder, sha256, base_sha256)
    try:
        tensors = load_safetensors(raw)
    except (SafetensorError, ValueError, KeyError) as error:
        raise AdapterError(
            f"{folder / WEIGHTS} is not a valid safetensors file: {error}"
        ) from error
    pairs = _pairs(folder, tensors, shapes, rank, scale)
    _check_targets(folder, config, pairs)
    return AdapterWeights(pairs=pairs, sha256=sha256)


def _check_files(folder: Path) -> None:
    if folder.is_symlink() or not folder.is_dir():
        raise AdapterError(f"{folder} is not an adapter folder; expected a real directory, no link")
    for count, path in enumerate(sorted(folder.rglob("*"))):
        if count >= _MAX_FILES:
            raise AdapterError(f"{folder} holds more than {_MAX_FILES} files; expected an adapter")
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise AdapterError(f"{path} is a link or special file; an adapter holds plain files")
        if path.suffix.lower() in _PICKLED:
            raise AdapterError(f"{path} could hold pickled code; only safetensors are accepted")


def _read_json(path: Path) -> dict[str, JSON]:
    try:
        value: JSON = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AdapterError(f"{path} cannot be read ({error}); expected a JSON object") from error
    if not isinstance(value, dict):
        raise AdapterError(f"{path} holds {type(value).__name__}; expected a JSON object")
    return value


def _rank_and_scale(folder: Path, config: Mapping[str, JSON]) -> tuple[int, float]:
    path = folder / CONFIG
    if config.get("peft_type") != "LORA":
        raise AdapterError(f"{path}: peft_type is {config.get('peft_type')!r}; expected 'LORA'")
    for name, plain in _UNSUPPORTED:
        if config.get(name, plain) not in (plain, None):
            raise AdapterError(f"{path}: {name} is {config[name]!r}; expected {plain!r}")
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if not isinstance(rank, int) or isinstance(rank, bool) or rank < 1:
        raise AdapterError(f"{path}: r is {rank!r}; expected a whole number of 1 or more")
    if not isinstance(alpha, int | float) or isinstance(alpha, bool) or not math.isfinite(alpha):
        raise AdapterError(f"{path}: lora_alpha is {alpha!r}; expected a number")
    return rank, alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _check_manifest(folder: Path, sha256: str, base_sha256: str) -> None:
    path = folder / MANIFEST
    manifest = _read_json(path)
    if manifest.get("sha256") != sha256:
        raise AdapterError(
            f"{folder / WEIGHTS} was altered: its sha256 is {sha256}, "
            f"{MANIFEST} says {manifest.get('sha256')}; copy the adapter again"
        )
    if manifest.get("base_sha256") != base_sha256:
        raise AdapterError(
            f"{folder} was trained on base {manifest.get('base_sha256')}; "
            f"the model served is {base_sha256}; serve that base or train the adapter again"
        )


def _pairs(
    folder: Path,
    tensors: Mapping[str, torch.Tensor],
    shapes: Mapping[str, tuple[int, int]],
    rank: int,
    scale: float,
) -> dict[str, LoraPair]:
    sides: dict[str, dict[str, torch.Tensor]] = {}
    for key, tensor in tensors.items():
        match = _KEY.fullmatch(key)
        if match is None:
            raise AdapterError(f"{folder}: tensor {key!r} is not a LoRA factor of a Linear module")
        path, side = match["path"], match["side"]
        if path not in shapes:
            raise AdapterError(f"{folder}: the model has no Linear module {path!r}; wrong base?")
        out_features, in_features = shapes[path]
        expected = (rank, in_features) if side == "A" else (out_features, rank)
        if tuple(tensor.shape) != expected:
            raise AdapterError(f"{folder}: {key!r} is {list(tensor.shape)}; expected {expected}")
        if not tensor.is_floating_point() or not bool(torch.isfinite(tensor).all()):
            raise AdapterError(f"{folder}: {key!r} holds values that are no finite numbers")
        sides.setdefault(path, {})[side] = tensor
    for path, found in sides.items():
        if len(found) != 2:
            raise AdapterError(
                f"{folder}: {path!r} has only lora_{next(iter(found))}; expected both"
            )
    if not sides:
        raise AdapterError(f"{folder / WEIGHTS} holds no tensors; expected LoRA factors")
    return {
        path: LoraPair(
            a=found["A"].float().contiguous(), b=(found["B"].float() * scale).contiguous()
        )
        for path, found in sides.items()
    }


def _check_targets(folder: Path, config: Mapping[str, JSON], pairs: Mapping[str, LoraPair]) -> None:
    targets = config.get("target_modules")
    if not isinstance(targets, list):
        return  # a pattern; the tensors themselves say which modules it meant
    names = [t for t in targets if isinstance(t, str)]
    for path in pairs:
        if not any(path == t or path.endswith(f".{t}") for t in names):
            raise AdapterError(f"{folder}: {path!r} is not among target_modules {names}")
