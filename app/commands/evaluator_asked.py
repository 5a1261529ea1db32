"""`yogeiko evaluator asked`: the very messages that a judge was sent for a stored score."""

from datetime import timedelta
from pathlib import Path

import click

from app.clock import utc_now
from app.commands.options import home_option, json_option, print_json
from app.settings import load_settings
from rlaif.judge_record import AskedAgain, ask_again
from rlaif.scored_dialogue import scored_dialogue
from store.database import open_database
from store.scores import load_asked


@click.command("asked")
@click.argument("subject")
@click.option("--evaluator", help="Of several judges, the one with this id. [default: all]")
@home_option
@json_option
def asked(subject: str, evaluator: str | None, home: Path | None, as_json: bool) -> None:
    """Print what judges were asked about SUBJECT, the id of a reply or a candidate."""
    settings = load_settings(home)
    with open_database(settings.database_url).reading() as session:
        kept = load_asked(session, subject)
        chosen = {name: one for name, one in kept.items() if evaluator in (None, name)}
        if not chosen:
            known = f"it was asked by {', '.join(kept)}" if kept else "no judge scored it"
            raise click.ClickException(
                f"there is no score of {evaluator or 'a judge'} on {subject!r}: {known}; "
                "`yogeiko data export` lists the scores"
            )
        dialogue = scored_dialogue(
            session,
            subject,
            now=utc_now(),
            retention=timedelta(days=settings.consent.retention_days),
        )
        if dialogue is None:
            raise click.ClickException(
                f"the conversation of {subject!r} may not be read any more: its visitor withdrew "
                "or deleted it, or it is older than consent.retention_days"
            )
        found = {name: ask_again(session, one, dialogue) for name, one in chosen.items()}
    if as_json:
        print_json({name: _as_json(again) for name, again in found.items()})
        return
    for name, again in found.items():
        click.echo(f"{name}  ({'exactly as sent' if again.exact else 'changed since'})")
        for call in again.calls:
            for temperature, seed in call.draws:
                click.echo(f"-- temperature {temperature:g}, seed {seed}")
            for message in call.messages:
                click.echo(f"[{message.role}]\n{message.content}")


def _as_json(again: AskedAgain) -> dict[str, object]:
    return {
        "exact": again.exact,
        "calls": [
            {
                "draws": [{"temperature": heat, "seed": seed} for heat, seed in call.draws],
                "messages": [{"role": one.role, "content": one.content} for one in call.messages],
            }
            for call in again.calls
        ],
    }
