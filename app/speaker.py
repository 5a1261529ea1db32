"""What the chat needs of a persona and a model, as seams: the real ones are bound in
composition.py, tests bind others."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from persona.engine import Engine, Message

SafetyCategory = Literal["sexual", "unsuitable", "self_harm", "none"]


class Verdict(Protocol):
    """What the safety filter says of a text."""

    @property
    def flagged(self) -> bool:
        """Whether the text must be deflected."""

    @property
    def category(self) -> SafetyCategory:
        """Which deflection fits."""

    @property
    def reason(self) -> str:
        """For operators, never for visitors."""


class Found(Protocol):
    """A retrieved fact."""

    @property
    def text(self) -> str:
        """The fact, one sentence."""

    @property
    def score(self) -> float:
        """How it stands among the others, higher is better; of no fixed scale."""


class FactSearch(Protocol):
    """An index of facts that follows their edits."""

    def update(self, facts: Sequence[str]) -> None:
        """Hold exactly these; cheap when nothing changed, safe from any thread."""

    def search(self, query: str, history: Sequence[Message], k: int) -> Sequence[Found]:
        """Return at most k facts, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """The persona: who she is and how she is prompted and protected. Light to build."""

    id: str
    name: str
    reading: str
    greeting: str
    facts: tuple[str, ...]
    compose: Callable[[Sequence[Message], str, Sequence[str]], tuple[Message, ...]]
    check_user_text: Callable[[str], Verdict]
    check_reply: Callable[[str], Verdict]
    deflection: Callable[[SafetyCategory, int], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Brain:
    """What takes long to load: the model with its queue, and the index with its embedder.

    base_sha256 names the model; adapters made for another base are left alone.
    """

    engine: Engine
    facts: FactSearch
    base_sha256: str


def as_messages(exchanges: Iterable[tuple[str, str]]) -> tuple[Message, ...]:
    """Return what was said and answered, oldest first, as the history of a prompt."""
    messages: list[Message] = []
    for said, answered in exchanges:
        messages.append(Message(role="user", content=said))
        messages.append(Message(role="assistant", content=answered))
    return tuple(messages)
