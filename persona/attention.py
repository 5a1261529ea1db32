"""Attention over our own key-value store, registered with transformers' attention interface.

One rule builds every mask: a key is visible when its position is not after the query's and lies
within the layer's window. Models get no mask from transformers (none is built for an attention it
does not know), which also saves the work of building it for each token.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from persona.errors import EngineError

ATTENTION = "yogeiko_positions"
PADDING = 1 << 40  # the position of padding: behind every real one, so only padding sees it

_FIRST_CAPACITY = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """Where queries and keys of a padded batch stand: query [B, m], key [B, n], both int64."""

    query: torch.Tensor
    key: torch.Tensor


def register_attention() -> None:
    """Make ATTENTION known to transformers; a second call changes nothing."""
    AttentionInterface.register(ATTENTION, attention)


def attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: object,
) -> tuple[torch.Tensor, None]:
    """query [B, H, m, D], key and value [B, G, n, D] with H a multiple of G -> [B, m, H, D].

    options as transformers passes them: scaling, sliding_window, softcap; `positions` is ours and
    None means one sequence without padding whose m queries are its last positions.
    """
    if attention_mask is not None or options.get("s_aux") is not None:
        raise EngineError("this model's attention is not supported; use a model with plain masks")
    window, positions = options.get("sliding_window"), options.get("positions")
    scale, softcap = options.get("scaling"), options.get("softcap")
    batch, heads, length, width = query.shape
    groups = key.shape[1]
    mask = None
    if isinstance(positions, Positions):
        mask = _visible(positions.query, positions.key, window)
    elif length == 1:
        if isinstance(window, int) and key.shape[2] > window:
            key, value = key[:, :, -window:], value[:, :, -window:]
    else:
        end = key.shape[2]
        places = torch.arange(end, device=key.device)[None]
        mask = _visible(places[:, end - length :], places, window)
    if length == 1:
        # The heads of a group stand in for query rows: their keys are read once, never repeated.
        query = query.reshape(batch, groups, heads // groups, width)
    elif groups != heads:
        key = key.repeat_interleave(heads // groups, dim=1)
        value = value.repeat_interleave(heads // groups, dim=1)
    scaling = float(scale) if isinstance(scale, int | float) else None
    if isinstance(softcap, int | float):
        out = _capped(query, key, value, mask, scaling or width**-0.5, float(softcap))
    else:
        out = scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scaling)
    if length == 1:
        return out.reshape(batch, 1, heads, width), None
    return out.transpose(1, 2).contiguous(), None


def _visible(query: torch.Tensor, key: torch.Tensor, window: object) -> torch.Tensor:
    """[B, 1, m, n] bool."""
    distance = query[:, :, None] - key[:, None, :]
    seen = distance >= 0
    if isinstance(window, int):
        seen &= distance < window
    return seen[:, None]


def _capped(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    scaling: float,
    softcap: float,
) -> torch.Tensor:
    scores = torch.tanh((query @ key.transpose(2, 3)).float() * scaling / softcap) * softcap
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    return torch.softmax(scores, dim=-1).to(value.dtype) @ value


class KeyValues:
    """Keys and values of every layer, written in place into buffers that double when full.

    Stands where a transformers `Cache` would. Every layer keeps its full length, also those with a
    sliding window, so that any block of positions can be copied out and in again.
    """

    def __init__(self, layers: int) -> None:
        self._keys: list[torch.Tensor | None] = [None] * layers
        self._values: list[torch.Tensor | None] = [None] * layers
        self._lengths = [0] * layers

    @property
    def length(self) -> int:
        """Positions held."""
        return self._lengths[0]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Positions held, under the name transformers asks by."""
        return self._lengths[layer_idx]

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *_: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append [B, G, m, D] to one layer; returns all of the layer, [B, G, n, D]."""
        start = self._lengths[layer_idx]
        end = start + key_states.shape[2]
        keys = _with_room(self._keys[layer_idx], key_states, start, end)
        values = _with_room(self._values[layer_idx], value_states, start, end)
        keys[:, :, start:end] = key_states
        values[:, :, start:end] = value_states
        self._keys[layer_idx], self._values[layer_idx] = keys, values
        self._lengths[layer_idx] = end
        return keys[:, :, :end], values[:, :, :end]

    def block(self, start: int, end: int) -> tuple[tuple[torch.Tensor, torch.Tensor], ...]:
        """A copy of the positions [start, end) of every layer."""
        return tuple(
            (keys[:, :, start:end].clone(), values[:, :, start:end].clone())
            for keys, values in self._filled()
        )

    def append(self, block: tuple[tuple[torch.Tensor, torch.Tensor], ...]) -> None:
        """Put a copied block behind what is held."""
        for layer, (keys, values) in enumerate(block):
            self.update(keys, values, layer)

    def take_rows(self, rows: torch.Tensor) -> None:
        """Make the batch the given rows of the present one; a row may be taken many times."""
        for layer, (keys, values) in enumerate(self._filled()):
            end = self._lengths[layer]
            self._keys[layer] = keys[:, :, :end].index_select(0, rows.to(keys.device))
            self._values[layer] = values[:, :, :end].index_select(0, rows.to(keys.device))

    def _filled(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        pairs = zip(self._keys, self._values, strict=True)
        return [(k, v) for k, v in pairs if k is not None and v is not None]


def _with_room(
    buffer: torch.Tensor | None, like: torch.Tensor, used: int, needed: int
) -> torch.Tensor:
    if buffer is not None and buffer.shape[2] >= needed:
        return buffer
    capacity = max(_FIRST_CAPACITY, 2 * used, needed)
    batch, groups, _, width = like.shape
    fresh = like.new_empty(batch, groups, capacity, width)
    if buffer is not None:
        fresh[:, :, :used] = buffer[:, :, :used]
    return fresh
