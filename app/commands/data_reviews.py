"""`yogeiko data import reviews`: what operators thought, from an export."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TypedDict

import click

from app.clock import utc_now
from app.commands.options import print_json
from app.review_import import ImportOptions, ImportReport, import_reviews
from app.review_lines import ReviewForm
from app.settings import load_settings
from store.database import open_database

_SHOWN_FAULTS = 20


class ReviewFlags(TypedDict):
    """How an import is asked for, see ImportOptions."""

    dry_run: bool
    skip_bad: bool


def bring_reviews(path: Path, flags: ReviewFlags, *, home: Path | None, as_json: bool) -> None:
    """Import the reviews of a file, or tell what would come of it; exits 1 where that is nothing
    because a line is bad."""
    database = open_database(load_settings(home).database_url)
    options = ImportOptions(form=_form_of(path), imported_by="command line", **flags)

    def lines() -> Iterator[bytes]:
        with path.open("rb") as file:
            yield from file

    report = import_reviews(database, lines, options, utc_now())
    refused = bool(report.bad) and not flags["skip_bad"]
    if as_json:
        print_json({**asdict(report), "faults": [asdict(one) for one in report.faults]})
    else:
        _tell(report)
    if refused and not flags["dry_run"]:
        raise click.ClickException(
            f"{report.bad} of {report.read} lines are bad, so nothing was stored; correct them, "
            "or repeat with --skip-bad"
        )


def _form_of(path: Path) -> ReviewForm:
    forms: dict[str, ReviewForm] = {".jsonl": "jsonl", ".csv": "csv"}
    form = forms.get(path.suffix.lower())
    if form is None:
        raise click.UsageError(f"{path} ends in {path.suffix!r}; expected .jsonl or .csv")
    return form


def _tell(report: ImportReport) -> None:
    click.echo(
        f"read {report.read}, new {report.new}, here already {report.known}, passed over "
        f"{report.passed}, bad {report.bad}, stored {report.stored}"
    )
    for fault in report.faults[:_SHOWN_FAULTS]:
        click.echo(f"  line {fault.line}: {fault.reason}")
    if report.bad > _SHOWN_FAULTS:
        click.echo(f"  and {report.bad - _SHOWN_FAULTS} more")
