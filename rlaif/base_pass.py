"""What the frozen base model makes of replies: hidden states and log-probabilities.

One pass reads a tree: contexts with all their replies side by side, each reply seeing its context
and itself alone. Nothing is padded and no context is read twice. The output head is applied to the
tokens that Japanese replies are made of, plus those that really occur.

The same reading is offered as a differentiable function of the embeddings of a reply's tokens.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from transformers import DynamicCache, PreTrainedTokenizerBase

from persona.base_model import LoadedModel
from persona.repeated_cache import repeated_cache
from persona.reply_vocabulary import reply_vocabulary
from rlaif.evaluator import Dialogue
from rlaif.text_spans import TextSpan
from rlaif.token_tree import Branch, TokenTree, sources_in
from rlaif.transcript import ALONE, context_texts, line, span_at, text_places


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
class OpenReading:
    """A reading as a function of embeddings.

    embeddings: [tokens, width] of what may move, as they are. spans: whose characters each of these
    tokens is, None for what frames the texts. read: readings of [rows, tokens, width] other
    embeddings; the tokens whose log p is told stay the same.
    """

    embeddings: torch.Tensor
    spans: tuple[TextSpan | None, ...]
    read: Callable[[torch.Tensor], list[ReplyReading]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """Tokens of a tree that are read now, and those they may look at, in the order of the keys."""

    own: list[int]
    seen: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past:
    """Tokens of a tree that were read before: keys and values, places, hidden states."""

    cache: DynamicCache
    places: list[int]
    hidden: list[torch.Tensor]


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
        texts = [context_texts(dialogue) for dialogue in dialogues]
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
                alone=scores[ALONE, dialogue.reply],
                unaided=scores[unaided, dialogue.reply],
            )
            for (context, unaided), dialogue in zip(texts, dialogues, strict=True)
        ]

    def open(self, dialogue: Dialogue, *, with_context: bool) -> OpenReading:
        """Return the reading of one reply as a function of the embeddings of its tokens, and of
        those of facts and turns if they are wanted; else the context is read once and for all.

        A token of the context counts in every branch that reads it. Gradients need a model in fp32.
        """
        texts = context_texts(dialogue)
        branches = self._branches([dialogue], [texts])
        tree = TokenTree()
        for root, branch in enumerate(branches):
            tree.add(branch, root)
        context, reply = branches[0].context, self._reply_tokens(dialogue.reply)
        sources = [
            source
            for branch in branches
            for source in sources_in(branch.context, context, len(reply), with_context=with_context)
        ]
        moving = [*context, *reply] if with_context else reply
        past = None if with_context else self._past(tree)

        def read(embeddings: torch.Tensor) -> list[ReplyReading]:
            hidden = self._forward_from(tree, self._laid(tree, sources, embeddings), past)
            return [
                self._reading(tree, [states[row] for states in hidden], dialogue.reply, texts)
                for row in range(len(embeddings))
            ]

        spans = self._spans(dialogue, texts[0])
        return OpenReading(
            embeddings=self._embed(moving), spans=spans[len(spans) - len(moving) :], read=read
        )

    @torch.no_grad()
    def _past(self, tree: TokenTree) -> _Past:
        """All contexts of a tree, read."""
        places = [n for n, leaf in enumerate(tree.leaves) if leaf == -1]
        cache = DynamicCache()
        embeddings = self._embed(tree.ids)[None, places]
        hidden = self._forward(
            tree,
            {"inputs_embeds": embeddings, "past_key_values": cache},
            _Window(own=places, seen=places),
        )
        return _Past(cache=cache, places=places, hidden=hidden)

    def _laid(
        self, tree: TokenTree, sources: Sequence[int], embeddings: torch.Tensor
    ) -> torch.Tensor:
        """[rows, tokens of the tree, width]: given embeddings where they belong, else its own."""
        chosen = torch.tensor(sources)
        given = embeddings[:, chosen.clamp(min=0)]
        return torch.where((chosen >= 0)[:, None], given, self._embed(tree.ids))

    def _forward_from(
        self, tree: TokenTree, laid: torch.Tensor, past: _Past | None
    ) -> list[torch.Tensor]:
        """`_forward` of rows that share what was read before."""
        if past is None:
            return self._forward(tree, {"inputs_embeds": laid})
        rows, before = len(laid), set(past.places)
        own = [n for n in range(len(tree.ids)) if n not in before]
        hidden = self._forward(
            tree,
            {
                "inputs_embeds": laid[:, own],
                "past_key_values": repeated_cache(past.cache, rows),
            },
            _Window(own=own, seen=[*past.places, *own]),
        )
        order = torch.tensor([*past.places, *own]).argsort()
        return [
            torch.cat([held.expand(rows, -1, -1), new], dim=1)[:, order]
            for held, new in zip(past.hidden, hidden, strict=True)
        ]

    @torch.no_grad()
    def embedding_of(self, token: int) -> torch.Tensor:
        """[width] what the first layer gets of a token."""
        return self._embed([token])[0]

    @property
    def neutral_token(self) -> int:
        """The token that says least: padding, else the end of a text, else the first one."""
        candidates = (self._tokenizer.pad_token_id, self._tokenizer.eos_token_id, 0)
        return next(token for token in candidates if token is not None)

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """What splits texts into tokens."""
        return self._tokenizer

    @torch.no_grad()
    def _embed(self, ids: Sequence[int]) -> torch.Tensor:
        embedded: torch.Tensor = self._model.get_input_embeddings()(torch.tensor(list(ids)))
        return embedded.detach()

    def _reading(
        self, tree: TokenTree, hidden: Sequence[torch.Tensor], reply: str, texts: tuple[str, str]
    ) -> ReplyReading:
        states: dict[tuple[str, str], torch.Tensor] = {}
        scores: dict[tuple[str, str], torch.Tensor] = {}
        aided, unaided = texts
        self._keep(tree, hidden, {aided}, states, scores)
        return ReplyReading(
            states=states[aided, reply],
            known=scores[aided, reply],
            alone=scores[ALONE, reply],
            unaided=scores[unaided, reply],
        )

    def _spans(self, dialogue: Dialogue, context: str) -> tuple[TextSpan | None, ...]:
        """Whose characters the tokens of context and reply are, in their order."""
        read = self._tokenizer(context, add_special_tokens=False, return_offsets_mapping=True)
        offsets = read["offset_mapping"][-self._settings.max_context_tokens :]
        places = text_places(dialogue)
        before = [None] * (self._tokenizer.bos_token_id is not None)
        said = self._tokenizer(
            line(dialogue.reply), add_special_tokens=False, return_offsets_mapping=True
        )["offset_mapping"][: self._settings.max_reply_tokens]
        return (
            *before,
            *(span_at(places, start, end) for start, end in offsets),
            *(TextSpan(part="reply", at=0, start=start, end=end) for start, end in said),
            *[None] * len(self._tokenizer.encode("\n", add_special_tokens=False)),
        )

    def _branches(
        self, dialogues: Sequence[Dialogue], texts: Sequence[tuple[str, str]]
    ) -> list[Branch]:
        replies = {dialogue.reply: self._reply_tokens(dialogue.reply) for dialogue in dialogues}
        wanted: dict[str, dict[tuple[str, str], list[int]]] = {}
        for dialogue, (aided, unaided) in zip(dialogues, texts, strict=True):
            for context in (aided, unaided, ALONE):
                own = wanted.setdefault(context, {})
                own[context, dialogue.reply] = replies[dialogue.reply]
        return [
            branch
            for context, own in wanted.items()
            for branch in self._split(self._context_tokens(context), own)
        ]

    def _split(
        self, context: list[int], replies: dict[tuple[str, str], list[int]]
    ) -> Iterator[Branch]:
        """Branches of a context whose replies do not go into one pass."""
        part: dict[tuple[str, str], list[int]] = {}
        for key, reply in replies.items():
            if part and len(context) + sum(map(len, part.values())) > self._settings.pass_tokens:
                yield Branch(context=context, replies=part)
                part = {}
            part[key] = reply
        yield Branch(context=context, replies=part)

    def _packed(self, branches: Sequence[Branch]) -> Iterator[list[Branch]]:
        pack: list[Branch] = []
        for branch in branches:
            if pack and sum(b.tokens for b in pack) + branch.tokens > self._settings.pass_tokens:
                yield pack
                pack = []
            pack.append(branch)
        if pack:
            yield pack

    def _read_tree(
        self,
        branches: Sequence[Branch],
        aided: set[str],
        states: dict[tuple[str, str], torch.Tensor],
        scores: dict[tuple[str, str], torch.Tensor],
    ) -> None:
        tree = TokenTree()
        for root, branch in enumerate(branches):
            tree.add(branch, root)
        hidden = self._forward(tree, {"input_ids": torch.tensor([tree.ids])})
        self._keep(tree, [states[0] for states in hidden], aided, states, scores)

    def _forward(
        self,
        tree: TokenTree,
        inputs: Mapping[str, torch.Tensor | DynamicCache],
        window: _Window | None = None,
    ) -> list[torch.Tensor]:
        """Hidden states [rows, tokens, width] of the kept layers and, behind them, of the last; of
        all tokens of the tree or of those of a window."""
        mask, places = tree.mask(self._head.dtype), torch.tensor([tree.places])
        if window is not None:
            mask, places = mask[:, :, window.own][..., window.seen], places[:, window.own]
        # Every path is shorter than any sliding window, so all layers see alike.
        kinds = set(getattr(self._model.config, "layer_types", None) or ())
        output = self._model.model(
            **inputs,
            position_ids=places,
            attention_mask=dict.fromkeys(kinds, mask) if len(kinds) > 1 else mask,
            use_cache="past_key_values" in inputs,
            output_hidden_states=True,
        )
        kept = [output.hidden_states[layer] for layer in self._settings.layers]
        return [*kept, output.last_hidden_state]

    def _keep(
        self,
        tree: TokenTree,
        hidden: Sequence[torch.Tensor],
        aided: set[str],
        states: dict[tuple[str, str], torch.Tensor],
        scores: dict[tuple[str, str], torch.Tensor],
    ) -> None:
        """Put into `states` and `scores` what one row of `_forward` says of the tree's replies."""
        *kept, last = hidden
        rows = [place for key in tree.own for place in tree.before[key]]
        targets = [tree.ids[place] for key in tree.own for place in tree.own[key]]
        log_p = self._log_p(last[rows], torch.tensor(targets))
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
        tokens: list[int] = self._tokenizer.encode(line(reply), add_special_tokens=False)
        end: list[int] = self._tokenizer.encode("\n", add_special_tokens=False)
        return [*tokens[: self._settings.max_reply_tokens], *end]
