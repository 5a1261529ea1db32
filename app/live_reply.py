"""A reply while it is made: its newest state, who watches it, and the wish to stop it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from persona.engine import Generation


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyState:
    """`position` 1 is next, None means at work; `text` is the whole reply so far."""

    position: int | None = 1
    loading: bool = False
    text: str = ""
    ended: bool = False


class LiveReply:
    """Shared by the thread that makes a reply and the streams that show it."""

    def __init__(self, *, reply_id: str, visitor_id: str, conversation_id: str) -> None:
        self.reply_id = reply_id
        self.visitor_id = visitor_id
        self.conversation_id = conversation_id
        self.stop_wanted = threading.Event()
        self.ended = threading.Event()
        self._lock = threading.Lock()
        self._state = ReplyState()
        self._watchers: list[Callable[[], None]] = []
        self._generation: Generation | None = None

    @property
    def state(self) -> ReplyState:
        """The newest state."""
        return self._state

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` after every change, from another thread; returns how to leave."""
        with self._lock:
            self._watchers.append(changed)

        def leave() -> None:
            with self._lock:
                self._watchers.remove(changed)

        return leave

    def attach(self, generation: Generation) -> None:
        """Name the generation that a stop must reach, also a stop that came before it."""
        with self._lock:
            self._generation = generation
        if self.stop_wanted.is_set():
            generation.stop()

    def stop(self) -> None:
        """Ask for the end; the text so far is kept. Again is harmless."""
        self.stop_wanted.set()
        with self._lock:
            generation = self._generation
        if generation is not None:
            generation.stop()

    def wait_for_model(self) -> None:
        """Say that the model is still loading."""
        self._change(replace(self._state, loading=True))

    def wait_in_line(self, position: int) -> None:
        """Say how many requests are before it, itself included."""
        self._change(replace(self._state, position=position, loading=False))

    def show(self, text: str) -> None:
        """Show the whole text so far."""
        self._change(replace(self._state, position=None, loading=False, text=text))

    def end(self) -> None:
        """Say that the stored reply is final."""
        self._change(replace(self._state, position=None, loading=False, ended=True))
        self.ended.set()

    def _change(self, state: ReplyState) -> None:
        with self._lock:
            self._state = state
            watchers = list(self._watchers)
        for changed in watchers:
            changed()
