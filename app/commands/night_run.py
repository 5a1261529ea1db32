"""`yogeiko night run`: one night, here and now."""

import signal
from collections import Counter
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from types import FrameType
from zoneinfo import ZoneInfo

import click
from pydantic import TypeAdapter

from app.clock import utc_now
from app.commands.options import home_option, json_option, print_json
from app.composition import chosen_card
from app.erasure import finish_erasures
from app.night_models import NightModels
from app.night_parts import night_parts
from app.night_plan import night_settings
from app.night_reports import write_morning_report
from app.settings import Settings, load_settings
from rlaif.expected import ExpectedTraining
from rlaif.night import Rehearsal, rehearse, run_night
from rlaif.night_ledger import NightOrder, NightOutcome, record_night
from rlaif.night_work import NightParts, NightSettings, StepProgress
from store.database import Database, open_database
from store.nights import OPEN, load_night
from store.owners import this_process


class _Stop:
    """Whether somebody asked the night to end: it then stops between two batches."""

    def __init__(self) -> None:
        self._asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        click.echo("\nstopping after this batch; once more stops at once", err=True)

    def __call__(self) -> bool:
        return self._asked


@click.command("run")
@click.option(
    "--date",
    "day",
    type=click.DateTime(["%Y-%m-%d"]),
    help="[default: today; for a dry run the next night when today's is over]",
)
@click.option(
    "--dry-run", is_flag=True, help="Only say what would be paired, and how long training takes."
)
@click.option(
    "--resume",
    is_flag=True,
    help="Also open a night that failed, was refused or skipped; an unfinished one always goes on.",
)
@home_option
@json_option
def run(
    day: datetime | None, dry_run: bool, resume: bool, home: Path | None, as_json: bool
) -> None:
    """Rehearse: score the day, pair, train, hold against the gates, publish or say why not."""
    settings = load_settings(home)
    database = open_database(settings.database_url)
    chosen = day.date() if day else _today(settings)
    if dry_run and not day and not resume:
        chosen = _next_open(database, chosen)
    order = NightOrder(date=chosen.isoformat(), owner=this_process(), again=resume)
    if dry_run:
        _show_rehearsal(rehearse(_parts(settings), night_settings(settings), order), order, as_json)
        return
    outcome = _run(settings, database, order)
    click.echo("", err=True)
    if outcome.status is not None:
        report = write_morning_report(settings.nights_folder, database, order.date)
        click.echo(f"report: {report}", err=True)
    if as_json:
        print_json({"date": order.date, **asdict(outcome)})
    else:
        click.echo(f"{order.date}: {outcome.status or 'not run'}: {outcome.decision}")
    # An erasure waits for the night that may have learnt from whom it is about.
    finish_erasures(settings, database, utc_now())
    if outcome.status == "failed":
        raise click.exceptions.Exit(1)


def _parts(settings: Settings) -> NightParts:
    return night_parts(
        settings,
        NightModels(settings, chosen_card(settings)),
        report=_line,
        should_stop=_Stop(),
    )


def _run(settings: Settings, database: Database, order: NightOrder) -> NightOutcome:
    """The night; what kept it from even beginning goes into the ledger as well."""
    try:
        plan = night_settings(settings)
        parts = _parts(settings)
    except Exception as error:
        outcome = NightOutcome(status="failed", decision=f"{type(error).__name__}: {error}")
        return record_night(database, order, outcome, utc_now())
    return run_night(parts, plan, order, _snapshot(plan))


def _next_open(database: Database, day: date) -> date:
    """The first night from `day` on that is not over."""
    with database.reading() as session:
        while (night := load_night(session, day.isoformat())) and night.status not in OPEN:
            day += timedelta(days=1)
    return day


def _today(settings: Settings) -> date:
    return utc_now().astimezone(ZoneInfo(settings.night.zone)).date()


def _snapshot(plan: NightSettings) -> dict[str, object]:
    document: dict[str, object] = TypeAdapter(NightSettings).dump_python(plan, mode="json")
    return document


def _line(progress: StepProgress) -> None:
    of = f"/{progress.total}" if progress.total is not None else ""
    text = f"{progress.position}/{progress.steps} {progress.step} {progress.done}{of}"
    click.echo(f"\r{text:<50}", nl=False, err=True)


def _show_rehearsal(told: Rehearsal | NightOutcome, order: NightOrder, as_json: bool) -> None:
    click.echo("", err=True)
    if isinstance(told, NightOutcome):
        if as_json:
            print_json({"date": order.date, "dry_run": True, **asdict(told)})
        else:
            click.echo(f"{order.date}, dry run: {told.decision}")
        return
    found, training = told.pairing, told.training
    drops = Counter(drop.reason for drop in found.drops)
    sources = Counter(pair.source for pair in found.pairs)
    if as_json:
        print_json(
            {
                "date": order.date,
                "dry_run": True,
                "pairs": [
                    {
                        "turn": pair.turn_id,
                        "chosen": pair.chosen_id,
                        "rejected": pair.rejected_id,
                        "source": pair.source,
                        "margin": pair.margin,
                    }
                    for pair in found.pairs
                ],
                "by_source": dict(sources),
                "drops": dict(drops),
                "conflicts": len(found.conflicts),
                "training": {**asdict(training), "minutes": round(training.minutes, 1)},
            }
        )
        return
    click.echo(f"{order.date}, dry run: {len(found.pairs)} pairs {dict(sources)}")
    for reason, count in drops.most_common():
        click.echo(f"  left out {count}: {reason}")
    click.echo(f"  conflicts for operators: {len(found.conflicts)}")
    click.echo(f"  {_training_in_words(training)}")


def _training_in_words(training: ExpectedTraining) -> str:
    if not training.enough:
        return f"training: none, {training.pairs} pairs of all nights are too few"
    nights = training.measured_nights
    source = f"measured in {nights} earlier nights" if nights else "assumed, no night trained yet"
    return (
        f"training: about {training.minutes:.0f} minutes for {training.pairs} pairs of all nights "
        f"and {training.replay_pairs} replayed ones, {training.seconds_per_pair:.2f} s each "
        f"({source})"
    )
