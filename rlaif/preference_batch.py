"""Preference pairs as tokens, packed so that nothing which rows share is computed twice.

The replies of a batch form a tree of tokens: its trunk is the card's system turn, its boughs are
the conversations, its twigs the chosen and the rejected reply. The tree is laid out as one sequence
without padding between rows. A token attends to its ancestors alone and stands at the position of
its depth, so every row's log-probability and gradient are those it would have by itself.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerBase

from persona.card import Card
from persona.errors import TrainingError
from persona.prompt import build_messages
from persona.sft_batch import EncodedRow, encode_row
from rlaif.errors import PreferenceTrainingError
from rlaif.preference import Preference

_WIDTH_STEP = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedPair:
    """Two replies to one prompt; both rows begin with the same prompt tokens."""

    chosen: EncodedRow
    rejected: EncodedRow

    @property
    def tokens(self) -> int:
        """Tokens of the pair alone in a pack: the prompt once, both replies."""
        rejected_reply = len(self.rejected.input_ids) - self.rejected.reply_start
        return len(self.chosen.input_ids) + rejected_reply


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTree:
    """Rows as a tree. Node i has token `tokens[i]`, depth `depths[i]` and parent `parents[i]` < i,
    -1 for the root.

    Edge e predicts `targets[e]` from node `sources[e]`. The reply of row r is the tokens of the
    edges `edges[k]` for all k with `rows[k]` == r, in order; rows that begin alike share edges.
    """

    tokens: tuple[int, ...]
    depths: tuple[int, ...]
    parents: tuple[int, ...]
    sources: tuple[int, ...]
    targets: tuple[int, ...]
    edges: tuple[int, ...]
    rows: tuple[int, ...]


def encode_pair(
    tokenizer: PreTrainedTokenizerBase, card: Card, preference: Preference, max_tokens: int
) -> EncodedPair:
    """Tokens of prompt and replies as the engine would see them.

    A conversation that is too long loses its oldest exchanges, as it does when she answers.
    Raises PreferenceTrainingError when the last turn and a reply alone exceed `max_tokens`.
    """
    history, user = preference.turns[:-1], preference.turns[-1].content
    for start in range(0, len(history) + 2, 2):
        prompt = build_messages(card, history[start:], user, preference.facts)
        try:
            return EncodedPair(
                chosen=encode_row(tokenizer, prompt, preference.chosen, max_tokens),
                rejected=encode_row(tokenizer, prompt, preference.rejected, max_tokens),
            )
        except TrainingError as error:
            # What follows quotes the reply, and errors go into logs.
            reason = str(error).partition(": shorten")[0]
    raise PreferenceTrainingError(f"the pair of turn {preference.turn_id} cannot be used: {reason}")


def build_tree(rows: Sequence[EncodedRow]) -> TokenTree:
    """The tree of all rows, in which each common beginning occurs once."""
    tokens: list[int] = []
    depths: list[int] = []
    parents: list[int] = []
    node_of: dict[tuple[int, int], int] = {}
    edge_of: dict[tuple[int, int], int] = {}
    edges: list[int] = []
    row_of: list[int] = []
    for row_number, row in enumerate(rows):
        node = -1
        for depth, token in enumerate(row.input_ids):
            if depth >= row.reply_start:
                edges.append(edge_of.setdefault((node, token), len(edge_of)))
                row_of.append(row_number)
            if depth == len(row.input_ids) - 1:
                break  # nothing is predicted from the last token
            if (node, token) not in node_of:
                node_of[node, token] = len(tokens)
                tokens.append(token)
                depths.append(depth)
                parents.append(node)
            node = node_of[node, token]
    return TokenTree(
        tokens=tuple(tokens),
        depths=tuple(depths),
        parents=tuple(parents),
        sources=tuple(node for node, _ in edge_of),
        targets=tuple(token for _, token in edge_of),
        edges=tuple(edges),
        rows=tuple(row_of),
    )


def pack_tensors(tree: TokenTree) -> dict[str, torch.Tensor]:
    """The tree as a model takes it; nodes are padded on the right to a multiple of 32.

    input_ids and position_ids (1, nodes); visible (nodes, nodes) bool, query by key; sources and
    targets (edges,); edges and rows (reply tokens,). Few distinct widths: each costs oneDNN memory.
    """
    nodes = len(tree.tokens)
    width = math.ceil(nodes / _WIDTH_STEP) * _WIDTH_STEP
    input_ids = torch.zeros((1, width), dtype=torch.long)
    position_ids = torch.zeros((1, width), dtype=torch.long)
    input_ids[0, :nodes] = torch.tensor(tree.tokens)
    position_ids[0, :nodes] = torch.tensor(tree.depths)
    visible = torch.eye(width, dtype=torch.bool)
    for node, parent in enumerate(tree.parents):
        if parent >= 0:
            visible[node] |= visible[parent]
    return {
        "input_ids": input_ids,
        "position_ids": position_ids,
        "visible": visible,
        "sources": torch.tensor(tree.sources),
        "targets": torch.tensor(tree.targets),
        "edges": torch.tensor(tree.edges),
        "rows": torch.tensor(tree.rows),
    }


def bucket_pairs(pairs: Sequence[EncodedPair], max_pack_tokens: int) -> list[list[int]]:
    """Indices of pairs in groups of like length, each of at most `max_pack_tokens` tokens.

    Tokens are counted as if nothing were shared between pairs; a longer pair is alone. The bound
    keeps attention, which grows with the square of a pack, smaller than the rest of the work.
    """
    groups: list[list[int]] = []
    room = 0
    for index in sorted(range(len(pairs)), key=lambda index: pairs[index].tokens):
        needed = pairs[index].tokens
        if not groups or needed > room:
            groups.append([])
            room = max_pack_tokens
        groups[-1].append(index)
        room -= needed
    return groups
