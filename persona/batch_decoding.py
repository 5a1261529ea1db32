"""Many replies of one adapter at once, for the night and for reports.

Rows of similar length share a left-padded batch. The blocks that all prompts of a batch begin with
are read once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

import torch

from persona.attention import PADDING, KeyValues, Positions
from persona.decoding import Decoder
from persona.engine import FinishReason
from persona.sampling import ReplyText, Sampler


@dataclass(slots=True, kw_only=True)
class BatchRow:
    """One reply in the making; `reason` is None while it grows."""

    prompt: tuple[int, ...]
    sampler: Sampler
    reply: ReplyText
    max_new_tokens: int
    reason: FinishReason | None = None
    reused: int = 0

    def take(self, logits: torch.Tensor, stop_ids: frozenset[int]) -> int:
        """Draw the next token from logits [rows] and note whether the reply has ended."""
        token = self.sampler.draw(logits)
        if token in stop_ids:
            self.reason = "end"
        else:
            self.reply.add(token)
            if self.reply.tokens >= self.max_new_tokens:
                self.reason = "length"
        return token


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlan:
    """What all rows share. block_tokens is the grain of prefix reuse, batch_size rows go together."""

    adapter: str | None
    stop_ids: frozenset[int]
    block_tokens: int
    batch_size: int


def decode_rows(decoder: Decoder, rows: Sequence[BatchRow], plan: BatchPlan) -> Iterator[None]:
    """Answer all rows, in batches by length; yields between steps so that others may go first."""
    by_length = sorted(rows, key=lambda row: len(row.prompt))
    for start in range(0, len(by_length), plan.batch_size):
        yield from _decode_batch(decoder, by_length[start : start + plan.batch_size], plan)


def _decode_batch(decoder: Decoder, rows: list[BatchRow], plan: BatchPlan) -> Iterator[None]:
    shared = _shared_length(rows, plan.block_tokens)
    state = _shared_state(decoder, rows, shared, plan.adapter)
    yield
    tails = [row.prompt[shared:] for row in rows]
    width = max(map(len, tails))
    ids = torch.tensor([[tail[-1]] * (width - len(tail)) + list(tail) for tail in tails])
    pads = torch.tensor([width - len(tail) for tail in tails])[:, None]
    places = shared + torch.arange(width)[None] - pads
    places = torch.where(places < shared, PADDING, places)
    known = torch.cat([torch.arange(shared)[None].expand(len(rows), -1), places], dim=1)
    logits = torch.empty(0)
    for start in range(0, width, plan.block_tokens):
        end = min(start + plan.block_tokens, width)
        positions = Positions(query=places[:, start:end], key=known[:, : shared + end])
        logits = decoder.forward_rows(ids[:, start:end], positions, state, plan.adapter)
        yield
    yield from _grow(decoder, rows, state, known, logits, plan)


def _grow(
    decoder: Decoder,
    rows: list[BatchRow],
    state: KeyValues,
    known: torch.Tensor,
    logits: torch.Tensor,
    plan: BatchPlan,
) -> Iterator[None]:
    places = torch.tensor([[len(row.prompt)] for row in rows])
    alive = list(rows)
    tokens = [row.take(line, plan.stop_ids) for row, line in zip(alive, logits, strict=True)]
    while any(row.reason is None for row in alive):
        kept = [n for n, row in enumerate(alive) if row.reason is None]
        if len(kept) <= len(alive) // 2:
            # Ended rows are carried along until half of the batch is over; then it shrinks.
            chosen = torch.tensor(kept)
            state.take_rows(chosen)
            known, places = known[chosen], places[chosen]
            alive, tokens = [alive[n] for n in kept], [tokens[n] for n in kept]
        known = torch.cat([known, places], dim=1)
        positions = Positions(query=places, key=known)
        ids = torch.tensor(tokens)[:, None]
        logits = decoder.forward_rows(ids, positions, state, plan.adapter)
        for n, row in enumerate(alive):
            if row.reason is None:
                tokens[n] = row.take(logits[n], plan.stop_ids)
        places = places + 1
        yield


def _shared_length(rows: Sequence[BatchRow], block_tokens: int) -> int:
    """Tokens in whole blocks that all prompts begin with, leaving each at least one of its own."""
    columns = zip(*(row.prompt[:-1] for row in rows), strict=False)
    common = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))
    return common // block_tokens * block_tokens


def _shared_state(
    decoder: Decoder, rows: list[BatchRow], shared: int, adapter: str | None
) -> KeyValues:
    if not shared:
        return decoder.empty_state()
    state = decoder.read_blocks(rows[0].prompt[:shared], adapter)
    state.take_rows(torch.zeros(len(rows), dtype=torch.int64))
    for row in rows:
        row.reused = shared
    return state
