"""Answers that no visitor waits for: any version, fixed words and seed, after everybody else."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.brain_slot import BrainMissingError, BrainSlot
from app.settings import ChatSettings
from app.speaker import Brain, Speaker
from app.text_rules import clean_text
from persona.engine import Failed, Finished, Generation, GenerationRequest, Message
from persona.errors import AdapterError, EngineBusyError
from store.adapters import load_adapter
from store.database import Database

_POLL_SECONDS = 0.2


class AsideStoppedError(RuntimeError):
    """Nobody wants the answer any longer."""


class AsideStop:
    """The wish that an answer end, which also reaches one that is being generated."""

    def __init__(self) -> None:
        self.wanted = threading.Event()
        self._lock = threading.Lock()
        self._generation: Generation | None = None

    def set(self) -> None:
        """Ask for the end. Again is harmless."""
        self.wanted.set()
        with self._lock:
            generation = self._generation
        if generation is not None:
            generation.stop()

    def attach(self, generation: Generation) -> None:
        """Name what a stop must reach, also one that came before."""
        with self._lock:
            self._generation = generation
        if self.wanted.is_set():
            generation.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class AsideQuestion:
    """What is asked of which version; adapter None is the bare base model."""

    user_text: str
    history: tuple[Message, ...]
    facts: tuple[str, ...]
    adapter: str | None
    seed: int


class AsideVoice:
    """Asks the chat's own engine while no visitor waits for it. Safe from any thread."""

    def __init__(
        self,
        *,
        database: Database,
        speaker: Speaker,
        brain: BrainSlot,
        settings: ChatSettings,
        busy: Callable[[], bool],
    ) -> None:
        self._database = database
        self._speaker = speaker
        self._brain = brain
        self._settings = settings
        self._busy = busy
        self._place = threading.Lock()

    def answer(self, question: AsideQuestion, stop: AsideStop) -> str:
        """Return what the version says; what the safety filter catches becomes its deflection.

        Exactly that version: none stands in for it. Raises AsideStoppedError once `stop` is set,
        BrainMissingError, AdapterError when the version cannot be used, RuntimeError when the
        engine failed, NotFoundError for an unknown version.
        """
        try:
            brain = self._brain.wait(stop.wanted)
        except BrainMissingError:
            if stop.wanted.is_set():
                raise AsideStoppedError("the answer is not wanted any longer") from None
            raise
        if question.adapter is not None:
            self._make_ready(brain, question.adapter)
        messages = self._speaker.compose(question.history, question.user_text, question.facts)
        request = GenerationRequest(
            messages=messages,
            adapter=question.adapter,
            sampling=self._settings.sampling(question.seed),
        )
        with self._alone(stop):
            generation = self._submit(brain, request, stop)
            stop.attach(generation)
            text = self._read(generation, stop)
        return self._checked(text, question.seed)

    @contextmanager
    def _alone(self, stop: AsideStop) -> Iterator[None]:
        """Hold the only place: a visitor never stands behind two such answers."""
        while not self._place.acquire(timeout=_POLL_SECONDS):
            if stop.wanted.is_set():
                raise AsideStoppedError("the answer is not wanted any longer")
        try:
            yield
        finally:
            self._place.release()

    def _make_ready(self, brain: Brain, wanted: str) -> None:
        with self._database.reading() as session:
            adapter = load_adapter(session, wanted)
        if adapter.tainted_at is not None:
            raise AdapterError(f"adapter {wanted} may not speak: {adapter.taint_reason}")
        if adapter.base != brain.base_sha256:
            raise AdapterError(
                f"adapter {wanted} was made for the base {adapter.base[:12]}; expected "
                f"{brain.base_sha256[:12]}: choose one of the model that is served"
            )
        if wanted not in brain.engine.adapters():
            brain.engine.add_adapter(wanted, Path(adapter.folder))

    def _submit(self, brain: Brain, request: GenerationRequest, stop: AsideStop) -> Generation:
        while True:
            while self._busy():
                if stop.wanted.wait(_POLL_SECONDS):
                    break
            if stop.wanted.is_set():
                raise AsideStoppedError("the answer is not wanted any longer")
            try:
                return brain.engine.submit(request)
            except EngineBusyError:
                stop.wanted.wait(_POLL_SECONDS)

    def _read(self, generation: Generation, stop: AsideStop) -> str:
        for event in generation.events():
            if isinstance(event, Failed):
                raise RuntimeError(f"the engine failed: {event.error}") from event.error
            if isinstance(event, Finished):
                if stop.wanted.is_set():
                    raise AsideStoppedError("the answer is not wanted any longer")
                return clean_text(event.text).strip()
        raise RuntimeError("the engine ended an answer without its last event")

    def _checked(self, text: str, seed: int) -> str:
        verdict = self._speaker.check_reply(text)
        return self._speaker.deflection(verdict.category, seed) if verdict.flagged else text
