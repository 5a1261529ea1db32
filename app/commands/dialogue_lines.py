"""Replies to be judged, as JSON lines."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, TypeVar

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


LineT = TypeVar("LineT", bound=BaseModel)


def read_lines(
    lines: Iterable[str], form: type[LineT], expected: str
) -> Iterator[tuple[int, LineT]]:
    """Each JSON line with its number; empty lines are passed over.

    Raises ClickException naming the first line that is not of that form, and what was expected.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield number, form.model_validate_json(line)
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(str(part) for part in fault["loc"]) or "the line"
            raise click.ClickException(
                f"line {number}: {where}: {fault['msg']}; expected {expected} as JSON"
            ) from error


def read_dialogues(lines: Iterable[str]) -> Iterator[Dialogue]:
    """Dialogues in the order of their lines. Raises ClickException naming the first that is none."""
    for _, read in read_lines(lines, _DialogueLine, "turns and reply"):
        yield Dialogue(
            turns=tuple(Message(role=turn.role, content=turn.content) for turn in read.turns),
            reply=read.reply,
            facts=tuple(read.facts),
        )
