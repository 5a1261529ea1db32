"""Keeping what a judge was asked beside its verdict, and asking for the same messages again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from persona.engine import Message
from rlaif.errors import EvaluatorError
from rlaif.evaluator import Asked, Dialogue
from rlaif.judge_fence import Template, pair_record, reply_record
from rlaif.judge_prompt import messages_digest, read_prompt
from store.asked import AskedRecord
from store.judge_prompts import ensure_prompt, load_prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedCall:
    """One call as the judge got it; `draws` are the (temperature, seed) of answers that counted."""

    messages: tuple[Message, ...]
    draws: tuple[tuple[float, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedAgain:
    """The calls behind a verdict. `exact`: they are byte for byte what the judge got; otherwise
    the conversation, or what may be read of it, has changed since."""

    calls: tuple[AskedCall, ...]
    exact: bool


def keep_asked(session: Session, asked: Asked | None, *, now: datetime) -> AskedRecord | None:
    """Keep the prompt once, and return what is stored with the verdict. No word of a conversation
    is in either."""
    if asked is None:
        return None
    ensure_prompt(session, asked.prompt.sha256, asked.prompt.document, now=now)
    return AskedRecord(
        prompt=asked.prompt.sha256,
        nonce=asked.nonce,
        draws=tuple((one.question, one.temperature, one.seed) for one in asked.draws),
        digest=asked.digest,
        reading=asked.reading,
    )


def ask_again(
    session: Session, asked: AskedRecord, dialogue: Dialogue, other_reply: str | None = None
) -> AskedAgain:
    """The messages of a stored verdict on the dialogue's reply, or on it and `other_reply`.

    Raises EvaluatorError when its prompt was not kept.
    """
    document = load_prompt(session, asked.prompt)
    if document is None:
        raise EvaluatorError(
            f"the prompt {asked.prompt[:12]} of this verdict is not in the database; expected it "
            "beside the verdict: restore the database from a backup that has it"
        )
    prompt = read_prompt(document)
    calls = [
        template.fill(asked.nonce, record)
        for template, record in _filled(prompt.questions, prompt.against, dialogue, other_reply)
    ]
    return AskedAgain(
        calls=tuple(
            AskedCall(
                messages=messages,
                draws=tuple((heat, seed) for at, heat, seed in asked.draws if at == number),
            )
            for number, messages in enumerate(calls)
        ),
        exact=messages_digest(calls) == asked.digest,
    )


def _filled(
    questions: Sequence[Template], against: str | None, dialogue: Dialogue, other: str | None
) -> list[tuple[Template, str]]:
    second = other if other is not None else against
    if second is None:
        record = reply_record(dialogue)
        return [(template, record) for template in questions]
    turned = Dialogue(turns=dialogue.turns, reply=second, facts=dialogue.facts)
    records = (pair_record(dialogue, second), pair_record(turned, dialogue.reply))
    return list(zip(questions, records, strict=True))
