"""What the frozen base model makes of replies: hidden states and log-probabilities.

One pass reads a tree: contexts with all their replies side by side, each reply seeing its context
and itself alone. Nothing is padded and no context is read twice. The output head is applied to the
tokens that Japanese replies are made of, plus those that really occur.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch

from persona.base_model import LoadedModel
from persona.reply_vocabulary import reply_vocabulary
from rlaif.evaluator import Dialogue

_SPEAKERS = {"user": "Ａ", "assistant": "Ｂ", "system": "Ａ"}
_ALONE = f"{_SPEAKERS['assistant']}："


@dataclass(frozen=True, slots=True, kw_only=True)
class PassSettings:
    """layers: whose hidden states are kept (0 is the embedding). max_context_tokens and
    max_reply_tokens: what is read; contexts lose their beginning, replies their end. Contexts are
    packed into one pass up to about pass_tokens."""

    layers: tuple[int, ...] = (9, 14)
    max_context_tokens: int = 256
    max_reply_tokens: int = 96
    pass_tokens: int = 768


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyReading:
    """One reply as the model reads it.

    states: [2 * layers * width] fp32, mean over the reply's tokens then the last one, layer by
    layer. known: [tokens] log p of each token in nats given facts and turns, the closing line break
    included; alone: without any context; unaided: given the turns but not the facts (equal to
    `known` when there are none).
    """

    states: torch.Tensor
    known: torch.Tensor
    alone: torch.Tensor
    unaided: torch.Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class _Branch:
    """A context and the replies that follow it, as tokens, under keys that find them again."""

    context: list[int]
    replies: dict[tuple[str, str], list[int]]

    @property
    def tokens(self) -> int:
        return len(self.context) + sum(map(len, self.replies.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tree:
    """Branches laid out in one row; index lists say where the tokens of each reply stand."""

    ids: list[int] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)
    leaves: list[int] = field(default_factory=list)
    own: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    before: dict[tuple[str, str], list[int]] = field(default_factory=dict)

    def add(self, branch: _Branch, root: int) -> None:
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


class BasePass:
    """Reads replies with a model that is never trained.

    The model must be loaded for this alone: one that an engine serves has its attention replaced.
    """

    def __init__(self, loaded: LoadedModel, settings: PassSettings) -> None:
        self._model = loaded.model
        self._tokenizer = loaded.tokenizer
        self._settings = settings
        self._sha256 = loaded.sha256
        self._head = self._model.get_output_embeddings().weight
        vocabulary = reply_vocabulary(
            loaded.tokenizer, "japanese", stop_ids=frozenset(), head_rows=len(self._head)
        )
        self._common = vocabulary.ids
        self._common_head = self._head[vocabulary.ids].contiguous()

    @property
    def identity(self) -> str:
        """Which model and settings the readings come from."""
        return f"{self._sha256} {self._settings}"

    @property
    def base_sha256(self) -> str:
        """The base model's identity."""
        return self._sha256

    @torch.inference_mode()
    def read(
        self, dialogues: Sequence[Dialogue], report: Callable[[int], None] | None = None
    ) -> list[ReplyReading]:
        """Return one reading per dialogue, in order; `report` is told how many are done."""
        texts = [_context_texts(dialogue) for dialogue in dialogues]
        states: dict[tuple[str, str], torch.Tensor] = {}
        scores: dict[tuple[str, str], torch.Tensor] = {}
        aided = {context for context, _ in texts}
        for branches in self._packed(self._branches(dialogues, texts)):
            self._read_tree(branches, aided, states, scores)
            if report is not None:
                report(len(states))
        return [
            ReplyReading(
                states=states[context, dialogue.reply],
                known=scores[context, dialogue.reply],
                alone=scores[_ALONE, dialogue.reply],
                unaided=scores[unaided, dialogue.reply],
            )
            for (context, unaided), dialogue in zip(texts, dialogues, strict=True)
        ]

    def _branches(
        self, dialogues: Sequence[Dialogue], texts: Sequence[tuple[str, str]]
    ) -> list[_Branch]:
        replies = {dialogue.reply: self._reply_tokens(dialogue.reply) for dialogue in dialogues}
        wanted: dict[str, dict[tuple[str, str], list[int]]] = {}
        for dialogue, (aided, unaided) in zip(dialogues, texts, strict=True):
            for context in (aided, unaided, _ALONE):
                own = wanted.setdefault(context, {})
                own[context, dialogue.reply] = replies[dialogue.reply]
        return [
            branch
            for context, own in wanted.items()
            for branch in self._split(self._context_tokens(context), own)
        ]

    def _split(
        self, context: list[int], replies: dict[tuple[str, str], list[int]]
    ) -> Iterator[_Branch]:
        """Branches of a context whose replies do not go into one pass."""
        part: dict[tuple[str, str], list[int]] = {}
        for key, reply in replies.items():
            if part and len(context) + sum(map(len, part.values())) > self._settings.pass_tokens:
                yield _Branch(context=context, replies=part)
                part = {}
            part[key] = reply
        yield _Branch(context=context, replies=part)

    def _packed(self, branches: Sequence[_Branch]) -> Iterator[list[_Branch]]:
        pack: list[_Branch] = []
        for branch in branches:
            if pack and sum(b.tokens for b in pack) + branch.tokens > self._settings.pass_tokens:
                yield pack
                pack = []
            pack.append(branch)
        if pack:
            yield pack

    def _read_tree(
        self,
        branches: Sequence[_Branch],
        aided: set[str],
        states: dict[tuple[str, str], torch.Tensor],
        scores: dict[tuple[str, str], torch.Tensor],
    ) -> None:
        tree = _Tree()
        for root, branch in enumerate(branches):
            tree.add(branch, root)
        mask = tree.mask(self._head.dtype)
        # Every path is shorter than any sliding window, so all layers see alike.
        kinds = set(getattr(self._model.config, "layer_types", None) or ())
        output = self._model.model(
            input_ids=torch.tensor([tree.ids]),
            position_ids=torch.tensor([tree.places]),
            attention_mask=dict.fromkeys(kinds, mask) if len(kinds) > 1 else mask,
            use_cache=False,
            output_hidden_states=True,
        )
        kept = [output.hidden_states[layer][0] for layer in self._settings.layers]
        rows = [place for key in tree.own for place in tree.before[key]]
        targets = [tree.ids[place] for key in tree.own for place in tree.own[key]]
        log_p = self._log_p(output.last_hidden_state[0, rows], torch.tensor(targets))
        ends = torch.split_with_sizes(log_p, [len(own) for own in tree.own.values()])
        for (key, own), score in zip(tree.own.items(), ends, strict=True):
            scores[key] = score.clone()
            if key[0] in aided:
                parts = [
                    part for h in kept for part in (h[own].float().mean(0), h[own[-1]].float())
                ]
                states[key] = torch.cat(parts)

    def _log_p(self, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """log p(target) at each position over the common tokens and the target. [positions]."""
        logits = (hidden @ self._common_head.T).float()
        own: torch.Tensor = (hidden.float() * self._head[targets].float()).sum(-1)
        mass = torch.logsumexp(logits, -1)
        rare = ~torch.isin(targets, self._common)
        return own - torch.where(rare, torch.logaddexp(mass, own), mass)

    def _context_tokens(self, context: str) -> list[int]:
        tokens: list[int] = self._tokenizer.encode(context, add_special_tokens=False)
        first: int | None = self._tokenizer.bos_token_id
        opening = [] if first is None else [first]
        return [*opening, *tokens[-self._settings.max_context_tokens :]]

    def _reply_tokens(self, reply: str) -> list[int]:
        tokens: list[int] = self._tokenizer.encode(_line(reply), add_special_tokens=False)
        end: list[int] = self._tokenizer.encode("\n", add_special_tokens=False)
        return [*tokens[: self._settings.max_reply_tokens], *end]


def _context_texts(dialogue: Dialogue) -> tuple[str, str]:
    """The transcript up to the reply, with and without the facts."""
    turns = "".join(f"{_SPEAKERS[t.role]}：{_line(t.content)}\n" for t in dialogue.turns)
    unaided = f"{turns}{_ALONE}"
    # The base model is no chat model: it goes on with a transcript better than with a template.
    facts = "".join(f"メモ：{_line(fact)}\n" for fact in dialogue.facts)
    return facts + unaided, unaided


def _line(text: str) -> str:
    return text.replace("\n", " ")
