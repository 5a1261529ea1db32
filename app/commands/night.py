"""`yogeiko night`: what the nights did, and the report of each."""

from pathlib import Path

import click

from app.commands.night_bench import bench
from app.commands.night_inbox import conflicts, pairs
from app.commands.night_review import review
from app.commands.night_run import run
from app.commands.options import home_option, json_option, print_json
from app.settings import Settings, load_settings
from rlaif.report import report_json, summarise_night, with_files
from rlaif.report_html import write_report
from rlaif.report_markdown import report_markdown
from rlaif.report_texts import STATUS, STEPS
from rlaif.report_verdicts import verdicts_json, verdicts_text
from store.database import open_database
from store.night_records import Night
from store.nights import list_nights
from store.rewards import list_verdicts
from store.scores import list_failures, reply_or_candidate_text

_SHOWN = 14


@click.group("night")
def command() -> None:
    """The rehearsal: what it did, and why."""


command.add_command(bench)
command.add_command(pairs)
command.add_command(conflicts)
command.add_command(review)
command.add_command(run)


@command.command("report")
@click.option("--date", "date", help="Which night, as YYYY-MM-DD. [default: the newest]")
@home_option
@json_option
def report(date: str | None, home: Path | None, as_json: bool) -> None:
    """Print the morning report and write it as JSON, Markdown and HTML into the night's folder."""
    settings = load_settings(home)
    wanted = date or _newest(settings)
    folder = settings.nights_folder / wanted
    with open_database(settings.database_url).reading() as session:
        summary = with_files(summarise_night(session, wanted), folder)
    paths = write_report(summary, folder)
    if as_json:
        print_json(report_json(summary))
    else:
        click.echo(report_markdown(summary), nl=False)
    click.echo(f"written: {', '.join(str(path) for path in paths)}", err=True)


@command.command("show")
@click.argument("subject")
@home_option
@json_option
def show(subject: str, home: Path | None, as_json: bool) -> None:
    """Print every part of what a reply or candidate (SUBJECT, its id) was worth, night by night."""
    settings = load_settings(home)
    with open_database(settings.database_url).reading() as session:
        text = reply_or_candidate_text(session, subject)
        verdicts = list_verdicts(session, subject)
        failures = list_failures(session, subject)
    if text is None:
        raise click.ClickException(
            f"no reply and no candidate has the id {subject!r}; `yogeiko night report` names some"
        )
    if as_json:
        print_json(verdicts_json(subject, text, verdicts, failures))
    else:
        click.echo(verdicts_text(subject, text, verdicts, failures))


@command.command("status")
@home_option
@json_option
def status(home: Path | None, as_json: bool) -> None:
    """Tell how the newest nights went, and where a running one is."""
    settings = load_settings(home)
    with open_database(settings.database_url).reading() as session:
        nights = list_nights(session)[:_SHOWN]
    if as_json:
        print_json([_night_json(night) for night in nights])
        return
    if not nights:
        click.echo("there was no night yet; run one with `yogeiko night run`")
    for night in nights:
        click.echo(f"{night.date}  {STATUS[night.status]} ({night.status})  {_where(night)}")


def _newest(settings: Settings) -> str:
    with open_database(settings.database_url).reading() as session:
        nights = list_nights(session)
    if not nights:
        raise click.ClickException("there was no night yet; run one with `yogeiko night run`")
    return nights[0].date


def _where(night: Night) -> str:
    if night.decision is not None:
        return night.decision
    for step in reversed(night.steps):
        share = "" if step.total is None else f" {step.done}/{step.total}"
        return f"{STEPS.get(step.step, step.step)}{share}"
    return ""


def _night_json(night: Night) -> dict[str, object]:
    return {
        "date": night.date,
        "status": night.status,
        "decision": night.decision,
        "adapter": night.adapter,
        "started_at": night.started_at.isoformat(),
        "finished_at": None if night.finished_at is None else night.finished_at.isoformat(),
        "lease_owner": night.lease_owner,
        "lease_until": None if night.lease_until is None else night.lease_until.isoformat(),
        "steps": [
            {
                "step": step.step,
                "done": step.done,
                "total": step.total,
                "finished": step.finished_at is not None,
            }
            for step in night.steps
        ],
    }
