"""Prompt to logits: prefill in fixed chunks, reuse of cached blocks, one step per token."""

import hashlib
from array import array
from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch.nn.functional import linear
from transformers import PreTrainedModel

from persona.attention import ATTENTION, PADDING, KeyValues, Positions, register_attention
from persona.lora_bank import LoraBank

Block = tuple[tuple[torch.Tensor, torch.Tensor], ...]


class PrefixCache:
    """Computed blocks of prompts by adapter and by all tokens up to their end, oldest use first out.

    The key of a block hashes the chain of every block before it, so that equal tokens after another
    beginning, or under another adapter, are another block.
    """

    def __init__(self, *, max_bytes: int, block_tokens: int) -> None:
        self.block_tokens = block_tokens
        self._max_bytes = max_bytes
        self._held_bytes = 0
        self._blocks: OrderedDict[bytes, Block] = OrderedDict()

    @property
    def held_bytes(self) -> int:
        """Bytes held now, never above the bound."""
        return self._held_bytes

    def keys(self, adapter: str | None, tokens: Sequence[int]) -> list[bytes]:
        """Keys of the full blocks of a prompt, first to last.

        The block that ends exactly with the prompt is left out: its last position has to be
        computed for the first token.
        """
        size = self.block_tokens
        chain = hashlib.sha256(b"base" if adapter is None else b"adapter:" + adapter.encode())
        keys = []
        for end in range(size, len(tokens), size):
            chain.update(array("q", tokens[end - size : end]).tobytes())
            keys.append(chain.copy().digest())
        return keys

    def get(self, key: bytes) -> Block | None:
        """The block, now the most recently used."""
        block = self._blocks.get(key)
        if block is not None:
            self._blocks.move_to_end(key)
        return block

    def put(self, key: bytes, block: Block) -> None:
        """Keep a block, dropping the least recently used ones beyond the bound."""
        size = _block_bytes(block)
        if size > self._max_bytes or key in self._blocks:
            return
        self._blocks[key] = block
        self._held_bytes += size
        while self._held_bytes > self._max_bytes:
            _, dropped = self._blocks.popitem(last=False)
            self._held_bytes -= _block_bytes(dropped)

    def touch(self, keys: Sequence[bytes]) -> None:
        """Mark a chain as used, its beginning last: the end of a chain is dropped first."""
        for key in reversed(keys):
            if key in self._blocks:
                self._blocks.move_to_end(key)


def _block_bytes(block: Block) -> int:
    return sum(t.numel() * t.element_size() for pair in block for t in pair)


class Stream:
    """One prompt being read, then answered. Belongs to the thread that owns the model."""

    __slots__ = ("adapter", "done", "keys", "prompt", "reused", "state")

    def __init__(
        self, prompt: Sequence[int], adapter: str | None, keys: list[bytes], layers: int
    ) -> None:
        self.prompt = prompt
        self.adapter = adapter
        self.keys = keys
        self.state = KeyValues(layers)
        self.done = 0
        self.reused = 0


class Decoder:
    """Runs one model for many streams, one chunk or token at a time."""

    def __init__(
        self, model: PreTrainedModel, bank: LoraBank, cache: PrefixCache, token_ids: torch.Tensor
    ) -> None:
        """token_ids: [rows] ids of the head rows that may be drawn, ascending."""
        config = model.config.get_text_config()
        self._model = model
        self._body = model.base_model
        self._bank = bank
        self._cache = cache
        self._layers: int = config.num_hidden_layers
        self._softcap: float | None = getattr(config, "final_logit_softcapping", None)
        self._device = model.device
        self._former_attention: str = model.config._attn_implementation
        self._head, self._head_bias = _head_rows(model, token_ids)
        register_attention()
        model.set_attn_implementation(ATTENTION)

    def close(self) -> None:
        """Give the model its former attention back."""
        self._model.set_attn_implementation(self._former_attention)

    def open(self, prompt: Sequence[int], adapter: str | None) -> Stream:
        """A stream that has read nothing yet."""
        return Stream(prompt, adapter, self._cache.keys(adapter, prompt), self._layers)

    def advance(self, stream: Stream) -> torch.Tensor | None:
        """Read one more chunk of the prompt, after every block that is already known.

        Returns the logits [rows] fp32 of the first token when the prompt is read, else None. Chunks
        always start at multiples of the block size, so that a chunk sees the same shapes whether
        the blocks before it were computed or reused: the numbers are the same.
        """
        self._reuse(stream)
        size = self._cache.block_tokens
        chunk = stream.prompt[stream.done : stream.done + size]
        hidden = self._forward([chunk], stream.done, stream.state, stream.adapter)
        block, start = stream.done // size, stream.done
        stream.done += len(chunk)
        if block < len(stream.keys):
            self._cache.put(stream.keys[block], stream.state.block(start, stream.done))
        if stream.done < len(stream.prompt):
            return None
        self._cache.touch(stream.keys)
        return self._logits(hidden[0, -1:])[0]

    def _reuse(self, stream: Stream) -> None:
        size = self._cache.block_tokens
        while stream.done // size < len(stream.keys):
            block = self._cache.get(stream.keys[stream.done // size])
            if block is None:
                return
            stream.state.append(block)
            stream.done += size
            stream.reused += size

    def read_blocks(self, prompt: Sequence[int], adapter: str | None) -> KeyValues:
        """The state after a prompt that is a whole number of blocks, reusing and keeping blocks."""
        # One more token makes every block of the prompt a full one that somebody follows.
        stream = self.open((*prompt, prompt[-1]), adapter)
        self._reuse(stream)
        while stream.done < len(prompt):
            self.advance(stream)
            self._reuse(stream)
        return stream.state

    def step(self, stream: Stream, token: int) -> torch.Tensor:
        """Append a drawn token; returns the logits [rows] fp32 of the next one."""
        hidden = self._forward([[token]], stream.state.length, stream.state, stream.adapter)
        return self._logits(hidden[0])[0]

    def empty_state(self) -> KeyValues:
        """A state that holds nothing yet."""
        return KeyValues(self._layers)

    def _forward(
        self, tokens: Sequence[Sequence[int]], start: int, state: KeyValues, adapter: str | None
    ) -> torch.Tensor:
        ids = torch.tensor(tokens, device=self._device)
        places = torch.arange(start, start + ids.shape[1], device=self._device)[None]
        return self._run(ids, places, state, adapter, None)

    def forward_rows(
        self, ids: torch.Tensor, positions: Positions, state: KeyValues, adapter: str | None
    ) -> torch.Tensor:
        """A padded batch: ids [B, m] -> logits [B, rows] fp32 after the last column."""
        placed = Positions(
            query=positions.query.to(self._device), key=positions.key.to(self._device)
        )
        places = placed.query.where(placed.query != PADDING, 0)
        hidden = self._run(ids.to(self._device), places, state, adapter, placed)
        return self._logits(hidden[:, -1])

    def _run(
        self,
        ids: torch.Tensor,
        places: torch.Tensor,
        state: KeyValues,
        adapter: str | None,
        positions: Positions | None,
    ) -> torch.Tensor:
        self._bank.select(adapter)
        output = self._body(
            input_ids=ids,
            position_ids=places,
            past_key_values=state,
            use_cache=True,
            positions=positions,
        )
        hidden: torch.Tensor = output.last_hidden_state
        return hidden

    def _logits(self, hidden: torch.Tensor) -> torch.Tensor:
        logits = linear(hidden, self._head, self._head_bias).float()
        if self._softcap is not None:
            logits = torch.tanh(logits / self._softcap) * self._softcap
        return logits.cpu()


def _head_rows(
    model: PreTrainedModel, token_ids: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Weight [rows, hidden] and bias [rows] of the kept rows; no copy when all are kept."""
    head = model.get_output_embeddings()
    weight: torch.Tensor = head.weight.detach()
    bias: torch.Tensor | None = None if head.bias is None else head.bias.detach()
    if token_ids.shape[0] == weight.shape[0]:
        return weight, bias
    rows = token_ids.to(weight.device)
    return weight[rows].contiguous(), None if bias is None else bias[rows]
