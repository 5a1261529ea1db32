"""The engine that serves a model of this process.

One worker thread owns the model. A few requests are answered at a time, one token each in turn; the
others wait in order of arrival. Batches of the night are worked on only while nobody chats.
"""

import logging
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Thread

import torch

from persona.base_model import LoadedModel
from persona.batch_decoding import BatchPlan, BatchRow, decode_rows
from persona.chat_codec import ChatCodec
from persona.decoding import Decoder, PrefixCache, Stream
from persona.engine import Finished, GenerationRequest
from persona.errors import AdapterError, EngineBusyError, EngineError, PersonaError
from persona.generation import LocalGeneration
from persona.lora_bank import DecodeWeights, LoraBank
from persona.reply_vocabulary import VocabularyKind, reply_vocabulary
from persona.sampling import ReplyText, Sampler

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """How the engine shares the machine.

    max_active replies grow in turn, max_queue more may wait. max_resident adapters stay in memory
    and must exceed max_active, so that a batch finds room beside the chats. max_context_tokens
    bounds prompt and reply together. block_tokens is the grain of prefix reuse and of prefill,
    prefix_cache_bytes its memory. batch_size rows of a night batch go together. reply_vocabulary
    'japanese' draws only tokens a Japanese persona can say. decode_weights 'int8' rounds a copy of
    the layers to 8 bits per row for single tokens of a chat: faster, and nearly the same.
    threads is the number of processor threads; None leaves PyTorch's own choice.
    """

    max_active: int = 2
    max_queue: int = 16
    max_resident: int = 3
    max_context_tokens: int = 2048
    block_tokens: int = 64
    prefix_cache_bytes: int = 256 * 1024 * 1024
    batch_size: int = 16
    reply_vocabulary: VocabularyKind = "japanese"
    decode_weights: DecodeWeights = "model"
    threads: int | None = None

    def __post_init__(self) -> None:
        for name, value, least in (
            ("max_active", self.max_active, 1),
            ("max_queue", self.max_queue, 1),
            ("max_resident", self.max_resident, self.max_active + 1),
            ("max_context_tokens", self.max_context_tokens, 2),
            ("block_tokens", self.block_tokens, 1),
            ("prefix_cache_bytes", self.prefix_cache_bytes, 0),
            ("batch_size", self.batch_size, 1),
            ("threads", self.threads, 1),
        ):
            if value is not None and value < least:
                raise ValueError(f"{name} is {value}; expected {least} or more")


@dataclass(slots=True, kw_only=True)
class _Chat:
    """A request that holds a place."""

    generation: LocalGeneration
    stream: Stream
    sampler: Sampler
    reply: ReplyText
    logits: torch.Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """A night batch: its remaining steps, and where its end is announced."""

    adapter: str | None
    steps: Iterator[None]
    result: "Future[None]"


class LocalEngine:
    """Implements `Engine` for one model in this process."""

    def __init__(self, loaded: LoadedModel, settings: EngineSettings | None = None) -> None:
        """Take over the model: nobody else may use it until `close`."""
        self._settings = settings = settings or EngineSettings()
        self._tokenizer = loaded.tokenizer
        self._codec = ChatCodec(loaded.tokenizer, loaded.model)
        self._bank = LoraBank(
            loaded.model,
            base_sha256=loaded.sha256,
            max_resident=settings.max_resident,
            decode_weights=settings.decode_weights,
        )
        self.vocabulary = reply_vocabulary(
            loaded.tokenizer,
            settings.reply_vocabulary,
            stop_ids=self._codec.stop_ids,
            head_rows=loaded.model.get_output_embeddings().weight.shape[0],
        )
        cache = PrefixCache(
            max_bytes=settings.prefix_cache_bytes, block_tokens=settings.block_tokens
        )
        self._decoder = Decoder(loaded.model, self._bank, cache, self.vocabulary.ids)
        self._change = Condition()
        self._waiting: deque[LocalGeneration] = deque()
        self._active: list[_Chat] = []
        self._batches: deque[_Batch] = deque()
        self._closing = False
        self._worker = Thread(target=self._work, name="engine", daemon=True)
        self._worker.start()

    def submit(self, request: GenerationRequest) -> LocalGeneration:
        """Queue a request.

        Raises EngineBusyError when the queue is full, AdapterError when the adapter is unknown,
        EngineError when the last message alone exceeds the context or the engine is closed.
        """
        generation = LocalGeneration(request, self._prompt(request), self._stopped)
        with self._change:
            self._check_open()
            places = self._settings.max_active + self._settings.max_queue
            if len(self._waiting) + len(self._active) >= places:
                raise EngineBusyError(
                    f"{len(self._waiting)} requests are waiting already; please try again shortly"
                )
            self._waiting.append(generation)
            generation.queued(len(self._waiting))
            self._change.notify_all()
        return generation

    def split(self, text: str) -> tuple[str, ...]:
        """Return the tokens of `text` as pieces of it."""
        return self._codec.split(text)

    def _prompt(self, request: GenerationRequest) -> tuple[int, ...]:
        if request.adapter is not None and request.adapter not in self._bank.known():
            raise AdapterError(
                f"the adapter {request.adapter!r} is unknown; expected one of {self._bank.known()}"
            )
        room = self._settings.max_context_tokens - request.sampling.max_new_tokens
        if room < 1:
            raise EngineError(
                f"max_new_tokens is {request.sampling.max_new_tokens}; expected less than the "
                f"context of {self._settings.max_context_tokens} tokens"
            )
        return self._codec.encode(request.messages, max_tokens=room)

    def _check_open(self) -> None:
        if self._closing or not self._worker.is_alive():
            raise EngineError("the engine is closed; start it again")

    def _stopped(self, generation: LocalGeneration) -> None:
        with self._change:
            if generation in self._waiting:
                self._waiting.remove(generation)
                generation.finished("stopped", None, 0)
                self._tell_positions()
            self._change.notify_all()

    def _tell_positions(self) -> None:
        for position, generation in enumerate(self._waiting, start=1):
            generation.queued(position)

    def generate_batch(self, requests: Sequence[GenerationRequest]) -> list[Finished]:
        """Answer many requests of one adapter, in order. Waits while chats are served.

        Raises EngineError when they name several adapters or the engine is closed, AdapterError
        when the adapter is unknown.
        """
        if not requests:
            return []
        if len({request.adapter for request in requests}) > 1:
            raise EngineError("a batch names several adapters; expected one: call once for each")
        submitted = time.monotonic()
        rows = [
            BatchRow(
                prompt=self._prompt(request),
                sampler=Sampler(request.sampling, self.vocabulary.ids),
                reply=ReplyText(self._tokenizer),
                max_new_tokens=request.sampling.max_new_tokens,
            )
            for request in requests
        ]
        plan = BatchPlan(
            adapter=requests[0].adapter,
            stop_ids=self._codec.stop_ids,
            block_tokens=self._settings.block_tokens,
            batch_size=self._settings.batch_size,
        )
        batch = _Batch(
            adapter=plan.adapter, steps=decode_rows(self._decoder, rows, plan), result=Future()
        )
        with self._change:
            self._check_open()
            self._batches.append(batch)
            self._change.notify_all()
        batch.result.result()
        return [_finished(row, plan.adapter, submitted) for row in rows]

    def add_adapter(self, adapter: str, folder: Path) -> None:
        """Make an adapter folder known under a fresh id; loaded on first use.

        Raises AdapterError when the folder is altered or of another base, or the id is taken.
        """
        self._bank.register(adapter, folder)

    def adapters(self) -> list[str]:
        """Ids known, in order of arrival."""
        return self._bank.known()

    def resident_adapters(self) -> list[str]:
        """Ids in memory now, least recently used first."""
        return self._bank.resident()

    def close(self) -> None:
        """Stop everything and give the model back. A second call changes nothing."""
        with self._change:
            self._closing = True
            self._change.notify_all()
        self._worker.join()

    def _work(self) -> None:
        if self._settings.threads is not None:
            torch.set_num_threads(self._settings.threads)
        with torch.inference_mode():
            while self._wait():
                self._admit()
                for chat in list(self._active):
                    self._serve(chat)
                if not self._active and self._batches:
                    self._serve_batch()
        self._end_all()

    def _wait(self) -> bool:
        """Sleep until there is work; False when the engine closes."""
        with self._change:
            self._change.wait_for(
                lambda: self._closing or self._active or self._waiting or self._batches
            )
            return not self._closing

    def _admit(self) -> None:
        while True:
            with self._change:
                if not self._waiting or len(self._active) >= self._settings.max_active:
                    return
                generation = self._waiting.popleft()
                request = generation.request
                chat = _Chat(
                    generation=generation,
                    stream=self._decoder.open(generation.prompt, request.adapter),
                    sampler=Sampler(request.sampling, self.vocabulary.ids),
                    reply=ReplyText(self._tokenizer),
                )
                self._active.append(chat)
                self._tell_positions()
            generation.started()
            try:
                self._bank.acquire(request.adapter)
            except Exception as error:
                self._leave(chat, holds_adapter=False)
                generation.failed(_explained(error))

    def _serve(self, chat: _Chat) -> None:
        """One chunk of the prompt or one token of the reply."""
        generation, reply = chat.generation, chat.reply
        if generation.stopping.is_set():
            self._leave(chat)
            generation.finished("stopped", reply, chat.stream.reused)
            return
        try:
            if chat.logits is None:
                chat.logits = self._decoder.advance(chat.stream)
                if chat.logits is None:
                    return
            token = chat.sampler.draw(chat.logits)
            ended = token in self._codec.stop_ids
            delta = "" if ended else reply.add(token)
            full = reply.tokens >= generation.request.sampling.max_new_tokens
            if not ended and not full:
                generation.text(delta)
                chat.logits = self._decoder.step(chat.stream, token)
                return
        except Exception as error:
            self._leave(chat)
            generation.failed(_explained(error))
            return
        self._leave(chat)
        generation.text(delta)
        generation.finished("end" if ended else "length", reply, chat.stream.reused)

    def _leave(self, chat: _Chat, *, holds_adapter: bool = True) -> None:
        with self._change:
            self._active.remove(chat)
        if holds_adapter:
            self._bank.release(chat.generation.request.adapter)

    def _serve_batch(self) -> None:
        """Work on the oldest batch until it ends or somebody chats."""
        batch = self._batches[0]
        try:
            self._bank.acquire(batch.adapter)
            try:
                for _ in batch.steps:
                    if self._waiting or self._closing:
                        return
            finally:
                self._bank.release(batch.adapter)
        except Exception as error:
            batch.result.set_exception(_explained(error))
        else:
            batch.result.set_result(None)
        with self._change:
            self._batches.popleft()

    def _end_all(self) -> None:
        for chat in list(self._active):
            self._leave(chat)
            chat.generation.finished("stopped", chat.reply, chat.stream.reused)
        with self._change:
            while self._waiting:
                self._waiting.popleft().finished("stopped", None, 0)
            while self._batches:
                closed = EngineError("the engine was closed before the batch ended")
                self._batches.popleft().result.set_exception(closed)
        self._decoder.close()
        self._bank.unwrap()


def _explained(error: Exception) -> Exception:
    """Errors of this room as they are; anything else logged and put in one sentence."""
    if isinstance(error, PersonaError):
        return error
    _log.exception("a reply failed", exc_info=error)
    wrapped = EngineError(f"the reply could not be made: {type(error).__name__}: {error}")
    wrapped.__cause__ = error
    return wrapped


def _finished(row: BatchRow, adapter: str | None, submitted: float) -> Finished:
    seconds = time.monotonic() - submitted
    return Finished(
        text=row.reply.text,
        reason=row.reason or "end",
        adapter=adapter,
        prompt_tokens=len(row.prompt),
        reused_tokens=row.reused,
        reply_tokens=row.reply.tokens,
        queue_seconds=0.0,
        first_token_seconds=seconds,
        total_seconds=seconds,
    )
