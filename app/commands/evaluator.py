"""`yogeiko evaluator`: fit the embedded evaluator's heads, score replies, compare with people."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TextIO

import click

from app.clock import utc_now
from app.commands.dialogue_lines import read_dialogues
from app.commands.evaluator_agreement import agreement
from app.commands.evaluator_attribute import attribute
from app.commands.options import Bar, card_option, home_option, json_option, print_json
from app.composition import chosen_card, existing_heads, load_base
from app.settings import Settings, load_settings
from persona.embedding import load_embedder
from persona.importers.realpersonachat import import_realpersonachat
from rlaif.base_pass import BasePass, PassSettings
from rlaif.embedded_evaluator import load_embedded_evaluator
from rlaif.evaluator import Assessment
from rlaif.features import FeatureExtractor
from rlaif.fit_data import PLANS, PlanSize
from rlaif.fit_evaluator import FitRun, fit_evaluator
from rlaif.fit_heads import HeadSettings
from rlaif.metrics import METRICS
from rlaif.reviewed_replies import Reviews, list_reviewed
from store.database import open_database


@click.group("evaluator")
def command() -> None:
    """Who judges the replies: fit, score, agreement, attribute."""


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
    dialogues = list(read_dialogues(file))
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
                "replies": [
                    {"values": dict(verdict.values), "spread": dict(verdict.spread)}
                    if isinstance(verdict, Assessment)
                    else {"unscored": verdict.reason}
                    for verdict in verdicts
                ],
            }
        )
        return
    for dialogue, verdict in zip(dialogues, verdicts, strict=True):
        click.echo(dialogue.reply)
        if not isinstance(verdict, Assessment):
            click.echo(f"    not scored: {verdict.reason}")
            continue
        figures = (f"{m.japanese} {verdict.values[m.key]:.1f}" for m in METRICS)
        click.echo(f"    {'  '.join(figures)}")


command.add_command(agreement)
command.add_command(attribute)


def _reviews(settings: Settings) -> Reviews:
    """What operators said of replies that their visitors let the night learn from."""
    with open_database(settings.database_url).reading() as session:
        return list_reviewed(
            session, now=utc_now(), retention=timedelta(days=settings.consent.retention_days)
        )


def _fault_lines(about: dict[str, object]) -> Iterator[tuple[str, float, float, float]]:
    held_out = about["held_out"]
    assert isinstance(held_out, dict)
    for kind, figures in held_out["faults"].items():
        yield kind, figures["auc"], *figures["interval"]
