"""`yogeiko evaluator`: fit the embedded evaluator's heads, score replies, compare with people."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, TextIO

import click
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from app.commands.evaluator_agreement import agreement
from app.commands.evaluator_asked import asked
from app.commands.evaluator_fit import fit
from app.commands.evaluator_injections import injections
from app.commands.evaluator_report import report
from app.commands.options import (
    Bar,
    card_option,
    home_option,
    json_option,
    print_json,
)
from app.composition import chosen_card, existing_heads, load_base
from app.settings import load_settings
from persona.embedding import load_embedder
from persona.engine import Message
from rlaif.embedded_evaluator import load_embedded_evaluator
from rlaif.evaluation_only import is_marked, note_of_id
from rlaif.evaluator import Assessment, Dialogue
from rlaif.metrics import METRICS


@click.group("evaluator")
def command() -> None:
    """Who judges the replies: fit, score, agreement."""


@command.command("score")
@click.argument("file", type=click.File(encoding="utf-8"))
@card_option
@home_option
@json_option
def score(file: TextIO, card: Path | None, home: Path | None, as_json: bool) -> None:
    """Score the replies of FILE (- for standard input).

    One JSON object a line: {"turns": [{"role": "user", "content": ...}, ...], "reply": ...,
    "facts": [...]}; the turns end with the user's, facts may be left out.
    """
    settings = load_settings(home)
    dialogues = list(_read_dialogues(file))
    evaluator = load_embedded_evaluator(
        load_base(settings, Bar("model")),
        load_embedder(settings.model.embedder),
        chosen_card(settings, card),
        existing_heads(settings),
    )
    verdicts = evaluator.assess(dialogues)
    if as_json:
        print_json(
            {
                "evaluator": evaluator.id,
                "evaluation_only": is_marked(evaluator.id),
                "replies": [
                    {"values": dict(verdict.values), "spread": dict(verdict.spread)}
                    if isinstance(verdict, Assessment)
                    else {"unscored": verdict.reason}
                    for verdict in verdicts
                ],
            }
        )
        return
    if note := note_of_id(evaluator.id):
        click.echo(note, err=True)
    for dialogue, verdict in zip(dialogues, verdicts, strict=True):
        click.echo(dialogue.reply)
        if not isinstance(verdict, Assessment):
            click.echo(f"    not scored: {verdict.reason}")
            continue
        figures = (f"{m.japanese} {verdict.values[m.key]:.1f}" for m in METRICS)
        click.echo(f"    {'  '.join(figures)}")


command.add_command(agreement)
command.add_command(report)
command.add_command(asked)
command.add_command(fit)
command.add_command(injections)


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


def _read_dialogues(lines: TextIO) -> Iterator[Dialogue]:
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
