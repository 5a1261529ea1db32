"""Training rows as token ids, and batches in which rows share their common prefix.

Every row of one card starts with the same system turn. A batch therefore holds that prefix once;
its keys and values serve all rows, and gradients flow back through them, so that loss and gradient
are those of the rows one by one with far fewer tokens computed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerBase

from persona.engine import Message
from persona.errors import TrainingError

IGNORED = -100
"""Label of a position that takes no part in the loss (the value PyTorch's cross entropy skips)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedRow:
    """Token ids of prompt and reply; the reply starts at `reply_start` and ends its turn."""

    input_ids: tuple[int, ...]
    reply_start: int

    def labels(self) -> list[int]:
        """The next token at each position, IGNORED where that token is not of the reply."""
        shifted = [*self.input_ids[1:], IGNORED]
        return [
            token if position + 1 >= self.reply_start else IGNORED
            for position, token in enumerate(shifted)
        ]


def encode_row(
    tokenizer: PreTrainedTokenizerBase, prompt: Sequence[Message], reply: str, max_tokens: int
) -> EncodedRow:
    """Tokens of one training row, exactly as the engine will see prompt and reply.

    Raises TrainingError when the row is longer than `max_tokens`, or when the chat template writes
    a finished reply otherwise than it continues an open one.
    """
    turns = [{"role": turn.role, "content": turn.content} for turn in prompt]
    opened = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
    whole = tokenizer.apply_chat_template(
        [*turns, {"role": "assistant", "content": reply}], return_dict=False
    )
    if whole[: len(opened)] != opened:
        raise TrainingError(
            "this model's chat template changes the prompt once a reply follows; expected a template "
            "whose generation prompt is the start of the finished turn"
        )
    while len(whole) > len(opened) and not tokenizer.decode(whole[-1:]).strip():
        whole = whole[:-1]
    if len(whole) > max_tokens:
        raise TrainingError(
            f"a training row has {len(whole)} tokens; expected at most {max_tokens}: shorten the "
            f"dialogue that ends in '{reply[:20]}'"
        )
    return EncodedRow(input_ids=tuple(whole), reply_start=len(opened))


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPrefixCollator:
    """Splits rows into the prefix all of them begin with and what each adds to it.

    Returns prefix_ids of shape (1, prefix), and input_ids, attention_mask (1 = a token, 0 = padding
    on the right) and labels, each of shape (rows, longest rest), the rows from short to long.
    shift_labels are the labels again: the name by which Trainer knows that they are shifted already
    and counts the first column too.
    """

    pad_token_id: int

    def __call__(self, rows: Sequence[EncodedRow]) -> dict[str, torch.Tensor]:
        rows = sorted(rows, key=lambda row: len(row.input_ids))
        prefix = shared_prefix_length(rows)
        width = max(len(row.input_ids) for row in rows) - prefix
        input_ids = torch.full((len(rows), width), self.pad_token_id)
        attention_mask = torch.zeros((len(rows), width), dtype=torch.long)
        labels = torch.full((len(rows), width), IGNORED)
        for index, row in enumerate(rows):
            length = len(row.input_ids) - prefix
            input_ids[index, :length] = torch.tensor(row.input_ids[prefix:])
            attention_mask[index, :length] = 1
            labels[index, :length] = torch.tensor(row.labels()[prefix:])
        return {
            "prefix_ids": torch.tensor([rows[0].input_ids[:prefix]]),
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "labels": labels,
            "shift_labels": labels,
        }


def shared_prefix_length(rows: Sequence[EncodedRow]) -> int:
    """Tokens all rows begin with, leaving each at least the token that predicts its reply."""
    first = rows[0].input_ids
    limit = min(row.reply_start for row in rows) - 1
    for position in range(limit):
        if any(row.input_ids[position] != first[position] for row in rows):
            return position
    return limit
