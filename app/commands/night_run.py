"""`yogeiko night run`: one night, here and now."""

import os
import signal
import socket
from collections import Counter
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from types import FrameType
from zoneinfo import ZoneInfo

import click
from pydantic import TypeAdapter

from app.clock import utc_now
from app.commands.options import home_option, json_option, print_json
from app.composition import chosen_card, publish_shipped_adapter
from app.erasure import finish_erasures
from app.night_models import NightModels
from app.night_parts import night_parts
from app.night_plan import night_settings
from app.settings import Settings, load_settings
from persona.base_model import prepare_model
from rlaif.night import NightOrder, NightOutcome, rehearse, run_night
from rlaif.night_work import NightSettings, StepProgress
from rlaif.pairs import Pairing
from rlaif.report import summarise_night, with_files
from rlaif.report_html import write_report
from store.database import open_database


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
@click.option("--date", "day", type=click.DateTime(["%Y-%m-%d"]), help="[default: today]")
@click.option("--dry-run", is_flag=True, help="Only say what would be paired.")
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
    chosen = day.date() if day else _today(settings)
    order = NightOrder(
        date=chosen.isoformat(), owner=f"{socket.gethostname()}/{os.getpid()}", again=resume
    )
    _prepare(settings)
    plan = night_settings(settings)
    parts = night_parts(
        settings,
        NightModels(settings, chosen_card(settings)),
        report=_line,
        should_stop=_Stop(),
    )
    snapshot = _snapshot(plan)
    if dry_run:
        _show_pairing(rehearse(parts, plan, order, snapshot), order, as_json)
        return
    outcome = run_night(parts, plan, order, snapshot)
    click.echo("", err=True)
    if outcome.status is not None:
        _write_report(settings, order.date)
    # An erasure waits for the night that may have learnt from whom it is about.
    finish_erasures(settings, parts.database, utc_now())
    if as_json:
        print_json({"date": order.date, **asdict(outcome)})
    else:
        click.echo(f"{order.date}: {outcome.status or 'not run'}: {outcome.decision}")
    if outcome.status == "failed":
        raise click.exceptions.Exit(1)


def _write_report(settings: Settings, day: str) -> None:
    """The morning report, also of a night that was skipped, refused, stopped or failed."""
    folder = settings.nights_folder / day
    with open_database(settings.database_url).reading() as session:
        summary = with_files(summarise_night(session, day), folder)
    paths = write_report(summary, folder)
    click.echo(f"report: {paths[0].parent}", err=True)


def _today(settings: Settings) -> date:
    return utc_now().astimezone(ZoneInfo(settings.night.zone)).date()


def _prepare(settings: Settings) -> None:
    """What a first night on a fresh machine needs: the model on disk, an adapter in production."""
    prepare_model(settings.model.name, settings.models_folder, lambda _stage, _share: None)
    publish_shipped_adapter(
        open_database(settings.database_url), chosen_card(settings), settings.adapters_folder
    )


def _snapshot(plan: NightSettings) -> dict[str, object]:
    document: dict[str, object] = TypeAdapter(NightSettings).dump_python(plan, mode="json")
    return document


def _line(progress: StepProgress) -> None:
    of = f"/{progress.total}" if progress.total is not None else ""
    text = f"{progress.position}/{progress.steps} {progress.step} {progress.done}{of}"
    click.echo(f"\r{text:<50}", nl=False, err=True)


def _show_pairing(found: Pairing | NightOutcome, order: NightOrder, as_json: bool) -> None:
    click.echo("", err=True)
    if isinstance(found, NightOutcome):
        if as_json:
            print_json({"date": order.date, "dry_run": True, **asdict(found)})
        else:
            click.echo(f"{order.date}, dry run: {found.decision}")
        return
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
            }
        )
        return
    click.echo(f"{order.date}, dry run: {len(found.pairs)} pairs {dict(sources)}")
    for reason, count in drops.most_common():
        click.echo(f"  left out {count}: {reason}")
    click.echo(f"  conflicts for operators: {len(found.conflicts)}")
