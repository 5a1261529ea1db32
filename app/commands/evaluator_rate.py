"""`yogeiko evaluator rate`: what a usual person would think of whole dialogues."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, TextIO

import click
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.commands.dialogue_lines import read_lines
from app.commands.options import Bar, home_option, json_option, print_json
from app.composition import load_base
from app.settings import Settings, load_settings
from persona.engine import Message
from persona.importers.report import Licence
from rlaif.dialogue_features import dialogue_features
from rlaif.embedded_heads import SHIPPED_HEADS
from rlaif.evaluation_only import read_mark
from rlaif.rated_dialogues import RatedDialogue
from rlaif.rating_head import RATING_MANIFEST, load_rating_head
from rlaif.token_means import TokenMeans


@click.command("rate")
@click.argument("file", type=click.File(encoding="utf-8"))
@home_option
@json_option
def rate(file: TextIO, home: Path | None, as_json: bool) -> None:
    """Rate the dialogues of FILE (- for standard input) as a whole.

    One JSON object a line: {"messages": [{"role": "user", "content": ...}, ...]}; the user is who
    would rate, the assistant who is rated. Values are in points of the ratings the head was fitted
    on and compare dialogues, never replies; see docs/evaluators.md.
    """
    settings = load_settings(home)
    head, manifest = load_rating_head(_existing_head(settings))
    dialogues = list(_read(file))
    bar = Bar("ratings")
    reader = TokenMeans(load_base(settings, bar)) if head.reader else None
    values, spread = head.predict(dialogue_features(dialogues, reader, bar))
    note = read_mark(manifest).sentence()
    if as_json:
        rated: list[object] = [
            {
                "values": dict(zip(head.names, map(_rounded, own), strict=True)),
                "spread": dict(zip(head.names, map(_rounded, wide), strict=True)),
            }
            for own, wide in zip(values.tolist(), spread.tolist(), strict=True)
        ]
        print_json(
            {"head": f"ratings-{str(manifest['sha256'])[:12]}", "note": note, "dialogues": rated}
        )
        return
    if note:
        click.echo(note, err=True)
    for number, own in enumerate(values.tolist(), start=1):
        figures = (f"{name} {value:.2f}" for name, value in zip(head.names, own, strict=True))
        click.echo(f"{number}  {'  '.join(figures)}")


def _existing_head(settings: Settings) -> Path:
    """The folder of the head fitted on this machine, else of the shipped one."""
    own = settings.heads_folder
    return own if (own / RATING_MANIFEST).is_file() else SHIPPED_HEADS


def _rounded(value: float) -> float:
    return round(value, 3)


class _MessageLine(BaseModel):
    model_config = ConfigDict(extra="forbid")
    role: Literal["user", "assistant"]
    content: Annotated[str, StringConstraints(min_length=1, max_length=8000)]


class _DialogueLine(BaseModel):
    model_config = ConfigDict(extra="ignore")
    messages: Annotated[list[_MessageLine], Field(min_length=2)]


def _read(lines: TextIO) -> Iterator[RatedDialogue]:
    expected = "messages of user and assistant"
    for number, read in read_lines(lines, _DialogueLine, expected):
        roles = {message.role for message in read.messages}
        if len(roles) < 2:
            raise click.ClickException(
                f"line {number}: only the {roles.pop()} speaks; expected messages of both"
            )
        yield RatedDialogue(
            group=str(number),
            messages=tuple(Message(role=m.role, content=m.content) for m in read.messages),
            rater="",
            system="",
            ratings={},
            licence=Licence(name="", may_train=False, notice=""),
        )
