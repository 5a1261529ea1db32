"""Holding an interview: the real engine, the real prompt, the facts that a visitor's turn finds.

All interviews go on side by side, turn by turn, so that the answers of one turn are one batch; what
was answered is on disk before the next batch is asked.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Protocol

from persona.card import Card
from persona.engine import Engine, GenerationRequest, Message, Sampling
from persona.prompt import build_messages
from persona.safety import check_reply, deflection
from rlaif.evaluator import Dialogue
from rlaif.interview import Interview, InterviewTurn
from rlaif.measurement_cache import MeasurementCache, digest

BASE = "base"
"""The name of the bare base model where an adapter's would stand."""
_BATCH = 16


class FactSearch(Protocol):
    """Retrieval as the chat does it."""

    def __call__(self, text: str, history: Sequence[Message]) -> list[str]:
        """The best few facts for a turn after `history`, best first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InterviewSetup:
    """Who is asked, and how.

    adapter: an id the engine knows, None the bare base model. sampling: its seed is the first of
    the passes. history_turns: how many turns back she hears, as in the chat. folder: where
    answers are kept.
    """

    engine: Engine
    card: Card
    adapter: str | None
    search: FactSearch
    sampling: Sampling
    history_turns: int
    folder: Path
    report: Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A turn with the facts in front of her, what the model said and what a visitor is shown."""

    turn: InterviewTurn
    facts: tuple[str, ...]
    said: str
    shown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """An interview as it was held in one pass."""

    interview: Interview
    draw: int
    answers: tuple[Answered, ...]

    def dialogue(self) -> Dialogue:
        """All of it, the last answer as the reply, with what is true beside it."""
        turns = [
            message
            for one in self.answers
            for message in (
                Message(role="user", content=one.turn.user),
                Message(role="assistant", content=one.shown),
            )
        ]
        last = turns.pop()
        return Dialogue(turns=tuple(turns), reply=last.content, facts=tuple(self.interview.truths))


def hold_interviews(
    setup: InterviewSetup, interviews: Sequence[Interview], draws: int = 1
) -> list[Transcript]:
    """Every interview `draws` times with other seeds, pass by pass.

    Answers of an earlier run are taken from the folder. Raises what the engine raises; what was
    answered until then is kept.
    """
    cache = MeasurementCache(setup.folder, setup.adapter or BASE, "interviews")
    held = [
        Transcript(interview=one, draw=draw, answers=())
        for draw in range(draws)
        for one in interviews
    ]
    total = sum(len(one.interview.turns) for one in held)
    for place in range(max((len(one.interview.turns) for one in held), default=0)):
        open_ones = [at for at, one in enumerate(held) if place < len(one.interview.turns)]
        for start in range(0, len(open_ones), _BATCH):
            batch = open_ones[start : start + _BATCH]
            answers = _answer(setup, cache, [held[at] for at in batch], place)
            for at, answer in zip(batch, answers, strict=True):
                held[at] = replace(held[at], answers=(*held[at].answers, answer))
            setup.report("answers", sum(len(one.answers) for one in held) / total)
    return held


def _answer(
    setup: InterviewSetup, cache: MeasurementCache, held: Sequence[Transcript], place: int
) -> list[Answered]:
    """The answers to turn `place` of each."""
    asked = [_request(setup, one, place) for one in held]
    keys = [
        digest([[m.role, m.content] for m in request.messages], asdict(request.sampling))
        for _, request in asked
    ]
    missing = {
        key: request
        for key, (_, request) in zip(keys, asked, strict=True)
        if cache.reply(key) is None
    }
    if missing:
        ended = setup.engine.generate_batch(list(missing.values()))
        cache.add_replies({key: end.text.strip() for key, end in zip(missing, ended, strict=True)})
    answers = []
    for one, key, (facts, request) in zip(held, keys, asked, strict=True):
        said = cache.reply(key) or ""
        verdict = check_reply(said)
        shown = deflection(verdict.category, request.sampling.seed) if verdict.flagged else said
        turn = one.interview.turns[place]
        answers.append(Answered(turn=turn, facts=facts, said=said, shown=shown))
    return answers


def _request(
    setup: InterviewSetup, held: Transcript, place: int
) -> tuple[tuple[str, ...], GenerationRequest]:
    """The facts beside a turn, and the request for its answer."""
    before = held.answers if held.interview.continued and setup.history_turns else ()
    history = [
        message
        for one in before[-setup.history_turns :]
        for message in (
            Message(role="user", content=one.turn.user),
            Message(role="assistant", content=one.shown),
        )
    ]
    text = held.interview.turns[place].user
    facts = tuple(setup.search(text, history))
    name = f"{held.interview.id}/{place}/{held.draw}"
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4])
    return facts, GenerationRequest(
        messages=build_messages(setup.card, history, text, facts),
        adapter=setup.adapter,
        sampling=replace(setup.sampling, seed=(setup.sampling.seed + seed) % 2**31),
    )
