"""Replies to be judged, as JSON lines."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

import click
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from persona.engine import Message
from rlaif.evaluator import Dialogue

_Text = Annotated[str, StringConstraints(min_length=1, max_length=8000)]


class _TurnLine(BaseModel):
    model_config = ConfigDict(extra="forbid")
    role: Literal["user", "assistant"]
    content: _Text


class _DialogueLine(BaseModel):
    model_config = ConfigDict(extra="ignore")
    turns: list[_TurnLine]
    reply: str
    facts: list[_Text] = []


def read_dialogues(lines: Iterable[str]) -> Iterator[Dialogue]:
    """Dialogues in the order of their lines; empty lines are passed over.

    Raises ClickException naming the first line that is none.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            read = _DialogueLine.model_validate_json(line)
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(str(part) for part in fault["loc"]) or "the line"
            raise click.ClickException(
                f"line {number}: {where}: {fault['msg']}; expected turns and reply as JSON"
            ) from error
        yield Dialogue(
            turns=tuple(Message(role=turn.role, content=turn.content) for turn in read.turns),
            reply=read.reply,
            facts=tuple(read.facts),
        )
