"""The contract between whoever wants a reply and whoever owns the model.

An engine knows nothing of browsers, databases or personas: it takes messages, an adapter id and
sampling settings, and gives text back. `persona/local_engine.py` serves a model in this process;
any other engine (an OpenAI-compatible server with run-time LoRA) implements the same two protocols.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["end", "length", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One turn as the chat template sees it."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the next token is drawn.

    temperature 0 is greedy. top_p in (0, 1]; top_k 0 means no limit; repetition_penalty >= 1
    applies to tokens of this reply only. seed fixes the draw: same request, same text.
    """

    temperature: float = 0.7
    top_p: float = 0.9
    top_k: int = 40
    repetition_penalty: float = 1.1
    max_new_tokens: int = 80
    seed: int = 0

    def __post_init__(self) -> None:
        if self.temperature < 0:
            raise ValueError(f"temperature is {self.temperature}; expected 0 (greedy) or more")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p is {self.top_p}; expected a number in (0, 1]")
        if self.top_k < 0:
            raise ValueError(f"top_k is {self.top_k}; expected 0 (no limit) or more")
        if self.repetition_penalty < 1:
            raise ValueError(f"repetition_penalty is {self.repetition_penalty}; expected 1 or more")
        if self.max_new_tokens < 1:
            raise ValueError(f"max_new_tokens is {self.max_new_tokens}; expected 1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """Messages to answer; `adapter` is an id known to the engine, None the bare base model."""

    messages: tuple[Message, ...]
    adapter: str | None
    sampling: Sampling = field(default_factory=Sampling)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """Waiting; `position` 1 is next."""

    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta:
    """More of the reply; never half a character."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The last event of a reply that ended, also of one that was stopped on request."""

    text: str
    reason: FinishReason
    adapter: str | None
    prompt_tokens: int
    reused_tokens: int
    reply_tokens: int
    queue_seconds: float
    first_token_seconds: float
    total_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The last event of a reply that could not be made."""

    error: Exception


Event = Queued | TextDelta | Finished | Failed


class Generation(Protocol):
    """A request under way. Dropping it does not stop it; `stop` does."""

    def events(self) -> Iterator[Event]:
        """Yield events until and including Finished or Failed. One consumer."""

    def stop(self) -> None:
        """Free the place, waiting or running; the text so far comes as Finished('stopped')."""


class Engine(Protocol):
    """Owner of a model and its resident adapters. All methods are safe to call from any thread."""

    def submit(self, request: GenerationRequest) -> Generation:
        """Queue a request. Raises EngineBusyError when the queue is full,
        AdapterError when the adapter is unknown."""

    def generate_batch(self, requests: Sequence[GenerationRequest]) -> list[Finished]:
        """Answer many requests of ONE adapter together, in order; for the night and reports."""

    def split(self, text: str) -> tuple[str, ...]:
        """Return the pieces of `text` that the model reads as one token each; joined they are it.

        Tokens of less than a character come together.
        """

    def add_adapter(self, adapter: str, folder: Path) -> None:
        """Make an adapter folder known under a fresh id; loaded on first use. Raises AdapterError
        when the folder is altered or of another base, or the id is taken by another folder."""

    def adapters(self) -> list[str]:
        """Ids known, in order of arrival."""

    def resident_adapters(self) -> list[str]:
        """Ids in memory now; those of running requests are among them."""

    def close(self) -> None:
        """Stop everything and free the model."""
