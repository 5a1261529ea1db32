"""`yogeiko evaluator`: fit the embedded evaluator's heads, score replies, compare with people."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, TextIO

import click
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from app.clock import utc_now
from app.commands.evaluator_agreement import agreement
from app.commands.evaluator_rate import rate
from app.commands.options import (
    Bar,
    card_option,
    evaluation_only_option,
    home_option,
    json_option,
    print_json,
)
from app.composition import chosen_card, existing_heads, load_base
from app.settings import Settings, load_settings
from persona.embedding import load_embedder
from persona.engine import Message
from persona.importers.realpersonachat import import_realpersonachat
from rlaif.base_pass import BasePass, PassSettings
from rlaif.embedded_evaluator import load_embedded_evaluator
from rlaif.evaluation_only import is_marked, note_of_id
from rlaif.evaluator import Assessment, Dialogue
from rlaif.features import FeatureExtractor
from rlaif.fit_data import PLANS, PlanSize
from rlaif.fit_evaluator import FitRun, fit_evaluator
from rlaif.fit_heads import HeadSettings
from rlaif.metrics import METRICS
from rlaif.reviewed_replies import Reviews, list_reviewed
from rlaif.token_means import TokenMeans
from store.database import open_database


@click.group("evaluator")
def command() -> None:
    """Who judges the replies: fit, score, agreement."""


@command.command("fit")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    required=True,
    help="RealPersonaChat: the published folder or the re-packed file.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the heads. [default: evaluator/ in the home folder]",
)
@click.option("--size", type=click.Choice(list(PLANS)), default="full", help="How much is made.")
@evaluation_only_option
@card_option
@home_option
@json_option
def fit(
    data: Path,
    out: Path | None,
    size: PlanSize,
    card: Path | None,
    home: Path | None,
    as_json: bool,
    evaluation_only: bool,
) -> None:
    """Fit heads on DATA, the card's dialogues, faults made from both, and what operators reviewed;
    run again to resume."""
    settings = load_settings(home)
    bar = Bar("evaluator")
    loaded = load_base(settings, bar)
    extractor = FeatureExtractor(
        BasePass(loaded, PassSettings()), load_embedder(settings.model.embedder)
    )
    folder = out or settings.heads_folder
    about = fit_evaluator(
        extractor,
        FitRun(
            card=chosen_card(settings, card),
            rated=import_realpersonachat(data).rows,
            cache=settings.cache_folder / "evaluator",
            out=folder,
            base_sha256=loaded.sha256,
            today=utc_now().date(),
            plan=PLANS[size],
            settings=HeadSettings(),
            report=bar,
            reviews=_reviews(settings),
            evaluation_only=evaluation_only,
            reader=TokenMeans(loaded),
        ),
    )
    bar.done(f"heads in {folder}")
    if as_json:
        print_json(about)
        return
    for kind, auc, low, high in _fault_lines(about):
        click.echo(f"{kind:<14} AUC {auc:.3f}  ({low:.3f} to {high:.3f})")


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
command.add_command(rate)


def _reviews(settings: Settings) -> Reviews:
    """What operators said of replies that their visitors let the night learn from."""
    with open_database(settings.database_url).reading() as session:
        return list_reviewed(
            session, now=utc_now(), retention=timedelta(days=settings.consent.retention_days)
        )


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


def _fault_lines(about: dict[str, object]) -> Iterator[tuple[str, float, float, float]]:
    held_out = about["held_out"]
    assert isinstance(held_out, dict)
    for kind, figures in held_out["faults"].items():
        yield kind, figures["auc"], *figures["interval"]
