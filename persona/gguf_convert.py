"""Read a Gemma-3 GGUF file and write it as an ordinary transformers folder.

The container is parsed here rather than through `gguf.GGUFReader`, which wraps each of the 262,144
vocabulary entries in a numpy view and so takes most of a minute; the block formats themselves are
decoded by `gguf.quants`. Container format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from gguf import GGMLQuantizationType
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize
from safetensors.torch import save_file
from transformers import Gemma3TextConfig, GemmaTokenizer

from persona.errors import ModelError

Progress = Callable[[str, float], None]
"""Receives what is being done and how far it is, 0 to 1."""

_SCALARS = {
    0: "B",
    1: "b",
    2: "H",
    3: "h",
    4: "I",
    5: "i",
    6: "f",
    7: "?",
    10: "Q",
    11: "q",
    12: "d",
}
_STRING, _ARRAY = 8, 9
_CONTROL_TOKEN = 3

_LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}

CHAT_TEMPLATE = """\
{{- bos_token -}}
{%- set ns = namespace(lead='') -%}
{%- for message in messages -%}
{%- if message.role == 'system' -%}
{%- set ns.lead = message.content + '\n\n' -%}
{%- elif message.role == 'user' -%}
{{- '<start_of_turn>user\n' + ns.lead + message.content + '<end_of_turn>\n' -}}
{%- set ns.lead = '' -%}
{%- else -%}
{{- '<start_of_turn>model\n' + message.content + '<end_of_turn>\n' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<start_of_turn>model\n' -}}{%- endif -%}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tensor:
    name: str
    shape: tuple[int, ...]
    kind: GGMLQuantizationType
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gguf:
    """A parsed container: metadata, and tensors over the raw bytes."""

    metadata: dict[str, object]
    tensors: tuple[_Tensor, ...]
    raw: memoryview

    def number(self, key: str) -> float:
        """The numeric metadata value of `key`. Raises ModelError when it is absent."""
        value = self.metadata.get(key)
        if not isinstance(value, int | float):
            raise ModelError(f"the GGUF file holds no number '{key}'; use a Gemma-3 GGUF file")
        return value

    def strings(self, key: str) -> list[str]:
        """The string array `key`, empty when absent."""
        value = self.metadata.get(key, [])
        return [str(item) for item in value] if isinstance(value, list) else []


class _Cursor:
    def __init__(self, raw: memoryview) -> None:
        self.raw = raw
        self.position = 4

    def scalar(self, code: str) -> int:
        (value,) = struct.unpack_from("<" + code, self.raw, self.position)
        self.position += struct.calcsize("<" + code)
        return value  # type: ignore[no-any-return]

    def string(self) -> str:
        length = self.scalar("Q")
        start, self.position = self.position, self.position + length
        return str(self.raw[start : self.position], "utf-8", "replace")

    def value(self, kind: int) -> object:
        if kind == _STRING:
            return self.string()
        if kind != _ARRAY:
            return self.scalar(_SCALARS[kind])
        item_kind, count = self.scalar("I"), self.scalar("Q")
        if item_kind == _STRING:
            return [self.string() for _ in range(count)]
        code = f"<{count}{_SCALARS[item_kind]}"
        values = list(struct.unpack_from(code, self.raw, self.position))
        self.position += struct.calcsize(code)
        return values


def parse(raw: memoryview) -> Gguf:
    """Parse the container. Raises ModelError when the bytes are no whole GGUF file."""
    if bytes(raw[:4]) != b"GGUF":
        raise ModelError(f"the file starts with {bytes(raw[:4])!r}; expected a GGUF file")
    try:
        return _parse(raw, _Cursor(raw))
    except (struct.error, KeyError, ValueError) as error:
        raise ModelError(
            f"the GGUF file of {len(raw)} bytes is cut off or damaged ({error}); fetch it again"
        ) from error


def _parse(raw: memoryview, cursor: _Cursor) -> Gguf:
    cursor.scalar("I")
    tensor_count, entry_count = cursor.scalar("Q"), cursor.scalar("Q")
    metadata: dict[str, object] = {}
    for _ in range(entry_count):
        key = cursor.string()
        metadata[key] = cursor.value(cursor.scalar("I"))
    described = []
    for _ in range(tensor_count):
        name = cursor.string()
        shape = tuple(cursor.scalar("Q") for _ in range(cursor.scalar("I")))
        described.append((name, shape, cursor.scalar("I"), cursor.scalar("Q")))
    alignment = int(str(metadata.get("general.alignment", 32)))
    start = -(-cursor.position // alignment) * alignment
    tensors = tuple(
        _Tensor(name=name, shape=shape, kind=GGMLQuantizationType(kind), offset=start + offset)
        for name, shape, kind, offset in described
    )
    return Gguf(metadata=metadata, tensors=tensors, raw=raw)


def write_folder(source: Gguf, folder: Path, progress: Progress) -> None:
    """Write config, tokenizer and bf16 weights into `folder`, which must exist."""
    progress("tokenizer", 0.0)
    tokenizer = _tokenizer(source)
    tokenizer.save_pretrained(folder)
    config = _config(source)
    config.save_pretrained(folder)
    (folder / "generation_config.json").write_text(
        json.dumps({"bos_token_id": 2, "eos_token_id": [1, 106], "pad_token_id": 0}) + "\n"
    )
    weights: dict[str, torch.Tensor] = {}
    for index, tensor in enumerate(source.tensors):
        progress("weights", index / len(source.tensors))
        weights[_weight_name(tensor.name)] = _weight(source, tensor)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    progress("weights", 1.0)


def _weight_name(name: str) -> str:
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    block, layer, part, suffix = name.split(".")
    if block != "blk" or part not in _LAYER_NAMES:
        raise ModelError(f"the GGUF file holds a tensor '{name}'; expected those of Gemma 3")
    return f"model.layers.{layer}.{_LAYER_NAMES[part]}.{suffix}"


def _weight(source: Gguf, tensor: _Tensor) -> torch.Tensor:
    block_items, block_bytes = GGML_QUANT_SIZES[tensor.kind]
    row_bytes = tensor.shape[0] // block_items * block_bytes
    # GGUF lists the fastest-running dimension first; numpy wants it last.
    rows = int(np.prod(tensor.shape[1:], dtype=np.int64))
    raw = np.frombuffer(source.raw, np.uint8, rows * row_bytes, tensor.offset)
    shape = tuple(reversed(tensor.shape))
    parts = [
        torch.from_numpy(np.ascontiguousarray(dequantize(part, tensor.kind))).to(torch.bfloat16)
        if tensor.kind != GGMLQuantizationType.F32
        else torch.from_numpy(part.view(np.float32).copy())
        for part in _row_slices(raw.reshape(rows, row_bytes))
    ]
    weight = torch.cat(parts).reshape(shape)
    if "norm" in tensor.name:
        # GGUF stores the factor (1 + w) of Gemma's RMSNorm, transformers stores w.
        weight = weight - 1
    return weight.to(torch.bfloat16).contiguous()


def _row_slices(raw: np.ndarray, rows: int = 32768) -> Iterator[np.ndarray]:
    # Whole-matrix dequantisation of the embedding would need several GB at once.
    for start in range(0, len(raw), rows):
        yield raw[start : start + rows]


def _config(source: Gguf) -> Gemma3TextConfig:
    layers = int(source.number("gemma3.block_count"))
    return Gemma3TextConfig(
        vocab_size=len(source.strings("tokenizer.ggml.tokens")),
        hidden_size=int(source.number("gemma3.embedding_length")),
        intermediate_size=int(source.number("gemma3.feed_forward_length")),
        num_hidden_layers=layers,
        num_attention_heads=int(source.number("gemma3.attention.head_count")),
        num_key_value_heads=int(source.number("gemma3.attention.head_count_kv")),
        head_dim=int(source.number("gemma3.attention.key_length")),
        max_position_embeddings=int(source.number("gemma3.context_length")),
        rms_norm_eps=source.number("gemma3.attention.layer_norm_rms_epsilon"),
        query_pre_attn_scalar=int(source.number("gemma3.attention.key_length")),
        sliding_window=int(source.number("gemma3.attention.sliding_window")),
        rope_parameters={
            "full_attention": {
                "rope_type": "default",
                "rope_theta": source.number("gemma3.rope.freq_base"),
            },
            "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
        },
        tie_word_embeddings=True,
        architectures=["Gemma3ForCausalLM"],
        dtype="bfloat16",
        bos_token_id=2,
        eos_token_id=1,
        pad_token_id=0,
    )


def _tokenizer(source: Gguf) -> GemmaTokenizer:
    tokens = source.strings("tokenizer.ggml.tokens")
    vocabulary = {token: index for index, token in enumerate(tokens)}
    scores = source.metadata.get("tokenizer.ggml.scores")
    kinds = source.metadata.get("tokenizer.ggml.token_type")
    if not isinstance(scores, list) or not isinstance(kinds, list):
        raise ModelError("the GGUF file holds no token scores; use a Gemma-3 GGUF file")
    tokenizer = GemmaTokenizer(vocab=vocabulary, merges=_merges(vocabulary, scores))
    tokenizer.add_tokens(
        [token for token, kind in zip(tokens, kinds, strict=True) if kind == _CONTROL_TOKEN],
        special_tokens=True,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.model_max_length = int(source.number("gemma3.context_length"))
    return tokenizer


def _merges(vocabulary: dict[str, int], scores: list[float]) -> list[tuple[str, str]]:
    """BPE merges from a vocabulary whose scores are merge ranks, best first."""
    ranked = []
    for token, index in vocabulary.items():
        for cut in range(1, len(token)):
            left, right = token[:cut], token[cut:]
            if left in vocabulary and right in vocabulary:
                ranked.append((-scores[index], vocabulary[left], vocabulary[right], left, right))
    ranked.sort()
    return [(left, right) for _, _, _, left, right in ranked]
