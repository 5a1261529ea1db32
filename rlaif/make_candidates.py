"""Four more replies to each of the day's prompts, from the adapter that is in production."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from persona.card import Card
from persona.engine import Engine, GenerationRequest, Message, Sampling
from persona.prompt import build_messages
from persona.safety import check_reply

BATCH_PROMPTS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateSettings:
    """How candidates differ from each other: one temperature each, every one its own seed."""

    temperatures: tuple[float, ...] = (0.4, 0.7, 0.9, 1.1)
    top_p: float = 0.95
    top_k: int = 60
    repetition_penalty: float = 1.1
    max_new_tokens: int = 80

    def __post_init__(self) -> None:
        if len(self.temperatures) < 2:
            raise ValueError(
                f"candidates.temperatures is {self.temperatures}; expected two or more, because "
                "a pair needs different replies"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A turn to answer again. `turns` end with the visitor's; `facts` stood beside it."""

    turn_id: str
    turns: tuple[Message, ...]
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeCandidate:
    """A candidate and all that is needed to make it again."""

    turn_id: str
    number: int
    text: str
    sampling: Sampling
    flagged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Who answers: the card, the adapter (None: the bare base), and the night as seed."""

    card: Card
    adapter: str | None
    night: str


def make_candidates(
    engine: Engine, speaker: Speaker, prompts: Sequence[Prompt], settings: CandidateSettings
) -> Iterator[list[MadeCandidate]]:
    """Yield the candidates of a few prompts at a time, so that each lot can be stored at once.

    The same night, turn and adapter give the same candidates.
    """
    for start in range(0, len(prompts), BATCH_PROMPTS):
        wanted = [
            (prompt, number, _sampling(settings, speaker.night, prompt.turn_id, number))
            for prompt in prompts[start : start + BATCH_PROMPTS]
            for number in range(len(settings.temperatures))
        ]
        finished = engine.generate_batch(
            [
                GenerationRequest(
                    messages=build_messages(
                        speaker.card, prompt.turns[:-1], prompt.turns[-1].content, prompt.facts
                    ),
                    adapter=speaker.adapter,
                    sampling=sampling,
                )
                for prompt, _, sampling in wanted
            ]
        )
        yield [
            MadeCandidate(
                turn_id=prompt.turn_id,
                number=number,
                text=reply.text.strip(),
                sampling=sampling,
                flagged=check_reply(reply.text).flagged,
            )
            for (prompt, number, sampling), reply in zip(wanted, finished, strict=True)
        ]


def _sampling(settings: CandidateSettings, night: str, turn_id: str, number: int) -> Sampling:
    digest = hashlib.sha256(f"{night}\0{turn_id}\0{number}".encode()).digest()
    return replace(
        Sampling(seed=int.from_bytes(digest[:4]) >> 1),
        temperature=settings.temperatures[number],
        top_p=settings.top_p,
        top_k=settings.top_k,
        repetition_penalty=settings.repetition_penalty,
        max_new_tokens=settings.max_new_tokens,
    )
