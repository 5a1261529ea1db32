"""Interviews with a scripted persona."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from persona.card import SHIPPED_CARD, load_card
from persona.engine import Finished, GenerationRequest, Message, Sampling
from rlaif.interview import Interview, InterviewTurn, Purpose
from rlaif.interview_talk import Answered, InterviewSetup, Transcript

CARD = load_card(SHIPPED_CARD)


@dataclass
class ScriptedEngine:
    """Says what `say` makes of a request; fails when it has answered `until` batches."""

    say: Callable[[GenerationRequest], str] = lambda _request: "バイオリンですわ。"
    until: int = 1000
    batches: list[list[GenerationRequest]] = field(default_factory=list)

    def generate_batch(self, requests: Sequence[GenerationRequest]) -> list[Finished]:
        if len(self.batches) >= self.until:
            raise RuntimeError("the power went out")
        self.batches.append(list(requests))
        return [
            Finished(
                text=self.say(request), reason="end", adapter=request.adapter, prompt_tokens=1,
                reused_tokens=0, reply_tokens=1, queue_seconds=0, first_token_seconds=0,
                total_seconds=0,
            )
            for request in requests
        ]  # fmt: skip


def setup_for(
    engine: ScriptedEngine, folder: Path, adapter: str | None = "a1", history_turns: int = 6
) -> InterviewSetup:
    def search(text: str, history: Sequence[Message]) -> list[str]:
        return [f"{text[:2]}の覚え書き。", f"{len(history)}件。"]

    return InterviewSetup(
        engine=engine,  # type: ignore[arg-type]
        card=CARD,
        adapter=adapter,
        search=search,
        sampling=Sampling(temperature=0.3, seed=5),
        history_turns=history_turns,
        folder=folder,
        report=lambda _stage, _share: None,
    )


def asked(
    user: str, purpose: Purpose = "ask", keys: tuple[str, ...] = (), wrong: str = ""
) -> InterviewTurn:
    return InterviewTurn(user=user, purpose=purpose, keys=keys, wrong=wrong)


def transcript(
    name: str, *answers: tuple[InterviewTurn, str], facts: tuple[str, ...] = (), draw: int = 0
) -> Transcript:
    """An interview that was held; its subject is the first part of the name."""
    return Transcript(
        interview=Interview(
            id=name, subject=name.split("-")[0], turns=tuple(turn for turn, _ in answers)
        ),
        draw=draw,
        answers=tuple(
            Answered(turn=turn, facts=facts, said=reply, shown=reply) for turn, reply in answers
        ),
    )
