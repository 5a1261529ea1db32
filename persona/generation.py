"""A request under way, as its consumer and the worker see it."""

import time
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from threading import Event as Flag

from persona.engine import (
    Event,
    Failed,
    Finished,
    FinishReason,
    GenerationRequest,
    Queued,
    TextDelta,
)
from persona.sampling import ReplyText


class LocalGeneration:
    """Implements `Generation`; the events wait here, so a slow or gone consumer holds up nobody."""

    def __init__(
        self,
        request: GenerationRequest,
        prompt: tuple[int, ...],
        on_stop: Callable[["LocalGeneration"], None],
    ) -> None:
        self.request = request
        self.prompt = prompt
        self.stopping = Flag()
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._on_stop = on_stop
        self._submitted = time.monotonic()
        self._started: float | None = None
        self._first_token: float | None = None
        self._position: int | None = None

    def events(self) -> Iterator[Event]:
        """Yield events until and including Finished or Failed. One consumer."""
        while True:
            event = self._events.get()
            yield event
            if isinstance(event, Finished | Failed):
                return

    def stop(self) -> None:
        """Free the place, waiting or running; the text so far comes as Finished('stopped')."""
        self.stopping.set()
        self._on_stop(self)

    def queued(self, position: int) -> None:
        """Tell the consumer its place in the queue, when that changed."""
        if position != self._position:
            self._position = position
            self._events.put(Queued(position=position))

    def started(self) -> None:
        """The worker has begun with the prompt."""
        self._started = time.monotonic()

    def text(self, delta: str) -> None:
        """More of the reply, or a token that made no text certain yet."""
        if self._first_token is None:
            self._first_token = time.monotonic()
        if delta:
            self._events.put(TextDelta(text=delta))

    def finished(self, reason: FinishReason, reply: ReplyText | None, reused: int) -> None:
        """The last event of a reply that ended; `reply` is None when it never began."""
        now = time.monotonic()
        self._events.put(
            Finished(
                text=reply.text if reply is not None else "",
                reason=reason,
                adapter=self.request.adapter,
                prompt_tokens=len(self.prompt),
                reused_tokens=reused,
                reply_tokens=reply.tokens if reply is not None else 0,
                queue_seconds=(self._started or now) - self._submitted,
                first_token_seconds=(self._first_token or now) - self._submitted,
                total_seconds=now - self._submitted,
            )
        )

    def failed(self, error: Exception) -> None:
        """The last event of a reply that could not be made."""
        self._events.put(Failed(error=error))
