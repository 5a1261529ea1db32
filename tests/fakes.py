"""Stand-ins at the seams: an engine that speaks from a script, and a speaker around it."""

import itertools
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue

from app.speaker import Brain, SafetyCategory, Speaker
from persona.engine import (
    Event,
    Failed,
    Finished,
    FinishReason,
    GenerationRequest,
    Message,
    Queued,
    TextDelta,
)
from persona.errors import AdapterError, EngineBusyError

LINES = (
    "わたくしは小野寺絢音と申しますわ。どうぞお見知りおきくださいまし。",
    "コンビニのおにぎり、包みを開けるのに三度も失敗いたしましたの。",
    "ヴァイオリンは幼いころから続けておりますわ。まだまだお兄様には笑われますけれど。",
    "長野の朝は空気が澄んでいて、おじい様とよく散歩をいたしましたの。",
    "満員電車は苦手ですわ。つま先立ちのまま二駅も運ばれたことがございますの。",
    "ミュージカルの舞台に立つ夢、いまでもときどき見てしまいますのよ。",
    "あなたのお話、もう少し聞かせてくださいませんこと？続きが気になりますわ。",
)


@dataclass(frozen=True)
class FakeVerdict:
    """A verdict of the fake filter."""

    flagged: bool
    category: SafetyCategory
    reason: str


@dataclass(frozen=True)
class FakeFact:
    """A fact that the fake index found."""

    text: str
    score: float = 1.0


class FakeFacts:
    """Finds the facts that share a character pair with the query, in their order."""

    def __init__(self) -> None:
        self.facts: list[str] = []

    def update(self, facts: Sequence[str]) -> None:
        self.facts = list(facts)

    def search(self, query: str, history: Sequence[Message], k: int) -> list[FakeFact]:
        pairs = {query[i : i + 2] for i in range(len(query) - 1)}
        found = [fact for fact in self.facts if any(pair in fact for pair in pairs)]
        return [FakeFact(text=fact) for fact in found[:k]]


class FakeGeneration:
    """One scripted reply, spoken by a thread of the engine."""

    def __init__(self, engine: "FakeEngine", request: GenerationRequest) -> None:
        self.request = request
        self.stopped = threading.Event()
        self.queue: Queue[Event] = Queue()
        self._engine = engine

    def events(self) -> Iterator[Event]:
        while True:
            event = self.queue.get()
            yield event
            if isinstance(event, Finished | Failed):
                return

    def stop(self) -> None:
        self.stopped.set()


@dataclass
class FakeEngine:
    """One worker that says scripted replies, piece by piece, with `token_seconds` between.

    `script` items are said once each, first come first served; then `lines` are drawn by the
    request's seed, from `voices` where the adapter has lines of its own. An Exception in the script fails its request. After `hold` every reply pauses
    behind its second piece until `release` or its own stop, however slow the machine is.
    """

    script: list[str | Exception] = field(default_factory=list)
    lines: Sequence[str] = LINES
    voices: Mapping[str | None, Sequence[str]] = field(default_factory=dict)
    token_seconds: float = 0.0
    piece_characters: int = 2
    max_queue: int = 64
    refused_adapters: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.requests: list[GenerationRequest] = []
        self._known: dict[str, Path] = {}
        self._waiting: list[FakeGeneration] = []
        self._wake = threading.Condition()
        self._closed = False
        self._flowing = threading.Event()
        self._flowing.set()
        threading.Thread(target=self._work, daemon=True).start()

    def submit(self, request: GenerationRequest) -> FakeGeneration:
        if request.adapter is not None and request.adapter not in self._known:
            raise AdapterError(f"adapter {request.adapter} is unknown")
        generation = FakeGeneration(self, request)
        with self._wake:
            if len(self._waiting) >= self.max_queue:
                raise EngineBusyError("the queue is full")
            self.requests.append(request)
            self._waiting.append(generation)
            generation.queue.put(Queued(position=len(self._waiting)))
            self._wake.notify()
        return generation

    def generate_batch(self, requests: Sequence[GenerationRequest]) -> list[Finished]:
        ends = [list(one.events())[-1] for one in [self.submit(asked) for asked in requests]]
        for end in ends:
            if isinstance(end, Failed):
                raise end.error
        return [end for end in ends if isinstance(end, Finished)]

    def split(self, text: str) -> tuple[str, ...]:
        size = self.piece_characters
        return tuple(text[start : start + size] for start in range(0, len(text), size))

    def add_adapter(self, adapter: str, folder: Path) -> None:
        if adapter in self.refused_adapters:
            raise AdapterError(f"adapter {adapter} is altered")
        self._known[adapter] = folder

    def adapters(self) -> list[str]:
        return list(self._known)

    def resident_adapters(self) -> list[str]:
        return list(self._known)

    def hold(self) -> None:
        self._flowing.clear()

    def release(self) -> None:
        self._flowing.set()

    def close(self) -> None:
        self._flowing.set()
        with self._wake:
            self._closed = True
            self._wake.notify()

    def _work(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._closed or self._waiting)
                if self._closed:
                    return
                generation = self._waiting.pop(0)
                for position, waiting in enumerate(self._waiting, start=1):
                    waiting.queue.put(Queued(position=position))
                said = self.script.pop(0) if self.script else self._draw(generation.request)
            if isinstance(said, Exception):
                generation.queue.put(Failed(error=said))
            else:
                self._say(generation, said)

    def _draw(self, request: GenerationRequest) -> str:
        lines = self.voices.get(request.adapter, self.lines)
        return random.Random(request.sampling.seed).choice(lines)

    def _say(self, generation: FakeGeneration, said: str) -> None:
        started = time.monotonic()
        text = ""
        reason: FinishReason = "end"
        for start in itertools.count(0, self.piece_characters):
            while start == 2 * self.piece_characters and not generation.stopped.is_set():
                if self._flowing.wait(0.01):
                    break
            if generation.stopped.is_set():
                reason = "stopped"
                break
            piece = said[start : start + self.piece_characters]
            if not piece:
                break
            time.sleep(self.token_seconds)
            text += piece
            generation.queue.put(TextDelta(text=piece))
        generation.queue.put(
            Finished(
                text=text,
                reason=reason,
                adapter=generation.request.adapter,
                prompt_tokens=10,
                reused_tokens=0,
                reply_tokens=len(text),
                queue_seconds=0.0,
                first_token_seconds=self.token_seconds,
                total_seconds=time.monotonic() - started,
            )
        )


def fake_check(text: str) -> FakeVerdict:
    """Flag text that holds the word NGWORD."""
    flagged = "NGWORD" in text
    return FakeVerdict(flagged, "sexual" if flagged else "none", "word" if flagged else "")


def make_speaker(facts: tuple[str, ...] = ("絢音の趣味はヴァイオリンである。",)) -> Speaker:
    """Return a light persona."""

    def compose(
        history: Sequence[Message], user_text: str, found: Sequence[str]
    ) -> tuple[Message, ...]:
        asked = "\n".join([*found, user_text])
        return (*history, Message(role="user", content=asked))

    return Speaker(
        id="ayane",
        name="小野寺 絢音",
        reading="おのでら あやね",
        greeting="ごきげんよう。わたくしでよろしければ、お話しいたしましょう？",
        facts=facts,
        compose=compose,
        check_user_text=fake_check,
        check_reply=fake_check,
        deflection=lambda category, seed: "そのお話は、わたくしには早うございますわ。",
    )


def make_brain(engine: FakeEngine) -> Brain:
    """Return a brain around a fake engine."""
    return Brain(engine=engine, facts=FakeFacts(), base_sha256="0" * 64)
