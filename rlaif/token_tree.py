"""Several contexts with their replies in one row of tokens, each reply seeing its context alone."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A context and the replies that follow it, as tokens, under keys that find them again."""

    context: list[int]
    replies: dict[tuple[str, str], list[int]]

    @property
    def tokens(self) -> int:
        return len(self.context) + sum(map(len, self.replies.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTree:
    """Branches laid out in one row; index lists say where the tokens of each reply stand."""

    ids: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)
    leaves: list[int] = field(default_factory=list)
    own: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    before: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    def add(self, branch: Branch, root: int) -> None:
        """Lay out a context and behind it each of its replies."""
        self._extend(branch.context, range(len(branch.context)), root, -1)
        last, length = len(self.ids) - 1, len(branch.context)
        for leaf, (key, reply) in enumerate(branch.replies.items()):
            start = len(self.ids)
            self._extend(reply, range(length, length + len(reply)), root, leaf)
            self.own[key] = list(range(start, len(self.ids)))
            self.before[key] = [last, *self.own[key][:-1]]

    def _extend(self, ids: list[int], places: range, root: int, leaf: int) -> None:
        self.ids.extend(ids)
        self.places.extend(places)
        self.roots.extend([root] * len(ids))
        self.leaves.extend([leaf] * len(ids))

    def mask(self, dtype: torch.dtype) -> torch.Tensor:
        """[1, 1, tokens, tokens] to add to attention scores: 0 where a token may look."""
        root, leaf = torch.tensor(self.roots), torch.tensor(self.leaves)
        same = root[:, None] == root[None]
        line = (leaf[None] == -1) | (leaf[:, None] == leaf[None])
        seen = torch.tril(same & line)
        mask = torch.zeros(seen.shape, dtype=dtype)
        return mask.masked_fill_(~seen, torch.finfo(dtype).min)[None, None]


def sources_in(
    context: Sequence[int], aided: Sequence[int], reply_tokens: int, *, with_context: bool
) -> list[int]:
    """Which token of the moving row each token of a branch is, -1 where it is none of them.

    The moving row is the reply's tokens, behind those of the aided context if it moves, too.
    """
    if not with_context:
        return [*[-1] * len(context), *range(reply_tokens)]
    shared = 0
    while shared < min(len(context), len(aided)) and context[-1 - shared] == aided[-1 - shared]:
        shared += 1
    own = range(len(aided) - shared, len(aided) + reply_tokens)
    return [*[-1] * (len(context) - shared), *own]
