"""`yogeiko data export`: logs, scores, reviews and pairs as files."""

import signal
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import TypedDict, Unpack

import click
from pydantic import TypeAdapter

from app.clock import utc_now
from app.commands.options import home_option, json_option
from app.console.reply_query import read_query
from app.export_run import day_begins, run_export
from app.settings import load_settings
from store.database import open_database
from store.export_folder import MANIFEST, new_export_id, remove_abandoned
from store.export_records import (
    EXPORT_FORMS,
    NO_LICENCE,
    TABLE_NAMES,
    ExportFilter,
    ExportForm,
    ExportManifest,
    ExportOrder,
    TableName,
)
from store.reply_filter import ReplyFilter
from store.turns import one_of

_ALL = "all"
_DAY = click.DateTime(formats=["%Y-%m-%d"])


class _Asked(TypedDict):
    form: ExportForm
    out: Path | None
    since: datetime | None
    until: datetime | None
    adapter: str | None
    replies: ReplyFilter | None
    everybody: bool
    real_ids: bool
    licence: str


def _read_replies(
    _context: click.Context, _parameter: click.Parameter, text: str | None
) -> ReplyFilter | None:
    if text is None:
        return None
    try:
        return read_query(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command("export")
@click.argument("what", type=click.Choice([*TABLE_NAMES, _ALL]))
@click.option(
    "--format",
    "form",
    type=click.Choice(EXPORT_FORMS),
    default="jsonl",
    show_default=True,
    help="JSON lines, CSV, or a Hugging Face data set folder.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="A new folder. Erasures reach only exports under home. [default: exports/ID under home]",
)
@click.option("--since", type=_DAY, help="The first day, where the nights are.")
@click.option("--until", type=_DAY, help="The last day.")
@click.option("--adapter", help="Only what this adapter replied to.")
@click.option(
    "--filter",
    "replies",
    callback=_read_replies,
    help="Only these replies, as the console's list says it: 'range=trust:5:&thumb=down'.",
)
@click.option("--everybody", is_flag=True, help="Also visitors who do not let the night learn.")
@click.option("--real-ids", is_flag=True, help="Visitors by their ids instead of pseudonyms.")
@click.option("--licence", default=NO_LICENCE, help="What the manifest says of the licence.")
@home_option
@json_option
def command(what: str, home: Path | None, as_json: bool, **asked: Unpack[_Asked]) -> None:
    """Write WHAT into a new folder, with a manifest of counts, digests, licence and consent."""
    settings = load_settings(home)
    wanted: tuple[TableName, ...] = TABLE_NAMES if what == _ALL else (one_of(what, TABLE_NAMES),)
    since, until = asked["since"], asked["until"]
    order = ExportOrder(
        tables=wanted,
        form=asked["form"],
        filter=ExportFilter(
            since=None if since is None else day_begins(since, settings),
            until=None if until is None else day_begins(until + timedelta(days=1), settings),
            adapter=asked["adapter"],
            consented=not asked["everybody"],
        ),
        replies=asked["replies"],
        real_ids=asked["real_ids"],
        licence=asked["licence"],
        ordered_by="command line",
    )
    now = utc_now()
    folder = (asked["out"] or settings.exports_folder / new_export_id(now)).absolute()
    remove_abandoned(settings.exports_folder)
    stop = _Interrupt()
    database = open_database(settings.database_url)
    manifest = run_export(settings, database, order, folder, now, stop)
    _tell(manifest, folder, as_json=as_json)


class _Interrupt:
    """Whether Ctrl+C was pressed: the export then ends between two pages and removes itself."""

    def __init__(self) -> None:
        self._asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True

    def __call__(self) -> bool:
        return self._asked


def _tell(manifest: ExportManifest, folder: Path, *, as_json: bool) -> None:
    if as_json:
        click.echo(TypeAdapter(ExportManifest).dump_json(manifest, indent=2).decode())
        return
    for table, count in manifest.counts.items():
        click.echo(f"{table}: {count}")
    click.echo(manifest.consent)
    click.echo(f"written: {folder / MANIFEST}")
