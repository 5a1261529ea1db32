"""What the frozen base model makes of replies: hidden states and log-probabilities.

Replies to the same context share its keys and values, and the output head is applied to the tokens
that Japanese replies are made of, plus those that really occur.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from transformers import DynamicCache

from persona.base_model import LoadedModel
from persona.reply_vocabulary import reply_vocabulary
from rlaif.evaluator import Dialogue

_SPEAKERS = {"user": "Ａ", "assistant": "Ｂ", "system": "Ａ"}
_REPLY_ROWS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class PassSettings:
    """layers: whose hidden states are kept (0 is the embedding). max_context_tokens and
    max_reply_tokens: what is read; contexts lose their beginning, replies their end."""

    layers: tuple[int, ...] = (9, 14)
    max_context_tokens: int = 256
    max_reply_tokens: int = 96


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


class BasePass:
    """Reads replies with a model that is never trained."""

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
        self._alone: dict[str, torch.Tensor] = {}

    @property
    def identity(self) -> str:
        """Which model and settings the readings come from."""
        return f"{self._sha256} {self._settings}"

    @property
    def width(self) -> int:
        """Length of `ReplyReading.states`."""
        return 2 * len(self._settings.layers) * self._head.shape[1]

    @torch.inference_mode()
    def read(
        self, dialogues: Sequence[Dialogue], report: Callable[[int], None] | None = None
    ) -> list[ReplyReading]:
        """Return one reading per dialogue, in order; `report` is told how many are done."""
        groups: dict[tuple[str, str], list[int]] = {}
        for place, dialogue in enumerate(dialogues):
            groups.setdefault(_context_texts(dialogue), []).append(place)
        found: dict[int, ReplyReading] = {}
        for (aided, unaided), places in groups.items():
            replies = [dialogues[place].reply for place in places]
            readings = self._read_group(aided, unaided, replies)
            found.update(zip(places, readings, strict=True))
            if report is not None:
                report(len(found))
        # What was read without context is kept only as long as one call goes on.
        self._alone.clear()
        return [found[place] for place in range(len(dialogues))]

    def _read_group(self, aided: str, unaided: str, replies: list[str]) -> list[ReplyReading]:
        rows = [self._reply_tokens(reply) for reply in replies]
        states, known = self._forward(aided, rows)
        without = known if aided == unaided else self._forward(unaided, rows)[1]
        new = [n for n, reply in enumerate(replies) if reply not in self._alone]
        if new:
            _, alone = self._forward(f"{_SPEAKERS['assistant']}：", [rows[n] for n in new])
            self._alone.update({replies[n]: one for n, one in zip(new, alone, strict=True)})
        return [
            ReplyReading(
                states=states[n], known=known[n], alone=self._alone[reply], unaided=without[n]
            )
            for n, reply in enumerate(replies)
        ]

    def _forward(
        self, context: str, rows: list[list[int]]
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Summary states and token log-probabilities of each row after `context`."""
        prompt = self._context_tokens(context)
        # The last prompt token predicts the first of the reply: it is read with every row.
        cache = self._body(torch.tensor([prompt[:-1]]), None).past_key_values
        found: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        for batch in _by_length([len(row) for row in rows]):
            read = self._forward_rows(prompt[-1], [rows[n] for n in batch], cache)
            found.update(zip(batch, read, strict=True))
        ordered = [found[n] for n in range(len(rows))]
        return [states for states, _ in ordered], [log_p for _, log_p in ordered]

    def _forward_rows(
        self, opening: int, rows: list[list[int]], cache: DynamicCache
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        width = 1 + max(map(len, rows))
        ids = torch.full((len(rows), width), opening)
        for n, row in enumerate(rows):
            ids[n, 1 : 1 + len(row)] = torch.tensor(row)
        output = self._body(ids, _repeated(cache, len(rows)))
        kept = [output.hidden_states[layer] for layer in self._settings.layers]
        last = output.last_hidden_state
        log_p = self._log_p(
            torch.cat([last[n, : len(row)] for n, row in enumerate(rows)]),
            torch.tensor([token for row in rows for token in row]),
        ).split([len(row) for row in rows])
        read = []
        for n, row in enumerate(rows):
            own = slice(1, 1 + len(row))
            parts = [
                part for h in kept for part in (h[n, own].float().mean(0), h[n, len(row)].float())
            ]
            read.append((torch.cat(parts), log_p[n].clone()))
        return read

    def _body(self, ids: torch.Tensor, cache: DynamicCache | None):  # type: ignore[no-untyped-def]
        return self._model.model(
            input_ids=ids, past_key_values=cache, use_cache=True, output_hidden_states=True
        )

    def _log_p(self, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """log p(target) at each position over the common tokens and the target. [positions]."""
        logits = (hidden @ self._common_head.T).float()
        own = (hidden.float() * self._head[targets].float()).sum(-1)
        rare = ~torch.isin(targets, self._common)
        mass = torch.logsumexp(logits, -1)
        mass = torch.where(rare, torch.logaddexp(mass, own), mass)
        return own - mass

    def _context_tokens(self, context: str) -> list[int]:
        tokens: list[int] = self._tokenizer.encode(context, add_special_tokens=False)
        first = self._tokenizer.bos_token_id
        return [first, *tokens[-self._settings.max_context_tokens :]]

    def _reply_tokens(self, reply: str) -> list[int]:
        text = reply.replace("\n", " ")
        tokens: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        end: list[int] = self._tokenizer.encode("\n", add_special_tokens=False)
        return [*tokens[: self._settings.max_reply_tokens], *end]


def _by_length(lengths: list[int]) -> list[list[int]]:
    """Indices in batches of similar length: padding a short reply to a long one costs the most."""
    batches: list[list[int]] = []
    for n in sorted(range(len(lengths)), key=lengths.__getitem__):
        last = batches[-1] if batches else []
        if last and len(last) < _REPLY_ROWS and lengths[n] <= 2 * lengths[last[0]] + 6:
            last.append(n)
        else:
            batches.append([n])
    return batches


def _repeated(cache: DynamicCache, rows: int) -> DynamicCache:
    copied = copy.deepcopy(cache)
    copied.batch_repeat_interleave(rows)
    return copied


def _context_texts(dialogue: Dialogue) -> tuple[str, str]:
    """The transcript up to the reply, with and without the facts."""
    turns = "".join(f"{_SPEAKERS[t.role]}：{_line(t.content)}\n" for t in dialogue.turns)
    unaided = f"{turns}{_SPEAKERS['assistant']}："
    # The base model is no chat model: it goes on with a transcript better than with a template.
    facts = "".join(f"メモ：{_line(fact)}\n" for fact in dialogue.facts)
    return facts + unaided, unaided


def _line(text: str) -> str:
    return text.replace("\n", " ")
