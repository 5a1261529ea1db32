"""`yogeiko evaluator score`: what the embedded evaluator thinks of replies."""

from pathlib import Path
from typing import TextIO

import click

from app.commands.dialogue_lines import read_dialogues
from app.commands.options import Bar, card_option, home_option, json_option, print_json
from app.composition import chosen_card, existing_heads, load_base
from app.settings import load_settings
from persona.embedding import load_embedder
from rlaif.embedded_evaluator import load_embedded_evaluator
from rlaif.evaluation_only import is_marked, note_of_id
from rlaif.evaluator import Assessment
from rlaif.metrics import METRICS


@click.command("score")
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
