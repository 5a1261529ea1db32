"""`yogeiko data`: dialogues from elsewhere, reviews that come back, and exports."""

from pathlib import Path
from typing import Unpack

import click

from app.commands.data_export import command as export
from app.commands.data_reviews import ReviewFlags, bring_reviews
from app.commands.options import home_option, json_option, print_json
from app.settings import load_settings
from persona.importers.formats import FORMATS, import_file
from persona.importers.report import write_rows

_REVIEWS = "reviews"
_FORMAT_NAMES = (*FORMATS, _REVIEWS)


@click.group("data")
def command() -> None:
    """Dialogues from elsewhere, reviews that come back, and exports."""


command.add_command(export)


@command.command("import", epilog=f"Formats: {', '.join(_FORMAT_NAMES)}.")
@click.argument("format_name", metavar="FORMAT", type=click.Choice(_FORMAT_NAMES))
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the rows go. [default: imports/FORMAT.jsonl under home]",
)
@click.option("--dry-run", is_flag=True, help="Of reviews: store nothing, only tell.")
@click.option(
    "--skip-bad", is_flag=True, help="Of reviews: store the others although some are bad."
)
@home_option
@json_option
def import_rows(
    format_name: str,
    path: Path,
    out: Path | None,
    home: Path | None,
    as_json: bool,
    **flags: Unpack[ReviewFlags],
) -> None:
    """Read PATH in FORMAT; tell what was kept, what was refused and why, and the licence.

    With `reviews`, PATH holds exported reviews (.jsonl or .csv), which are stored again.
    """
    if format_name == _REVIEWS:
        if out is not None:
            raise click.UsageError("--out is not for reviews: they go into the database")
        bring_reviews(path, flags, home=home, as_json=as_json)
        return
    if any(flags.values()):
        raise click.UsageError("--dry-run and --skip-bad are for reviews only")
    report = import_file(format_name, path)
    target = out or load_settings(home).home / "imports" / f"{format_name}.jsonl"
    target.parent.mkdir(parents=True, exist_ok=True)
    write_rows(report.rows, target)
    facts: dict[str, object] = {
        "format": report.format,
        "path": str(report.path),
        "read": report.read,
        "kept": report.kept,
        "refused": [
            {"reason": one.reason, "count": one.count, "first": one.first} for one in report.refused
        ],
        "notes": list(report.notes),
        "licence": report.licence.name,
        "may_train": report.licence.may_train,
        "notice": report.licence.notice,
        "written": str(target),
    }
    if as_json:
        print_json(facts)
        return
    click.echo(f"{format_name}: read {report.read}, kept {report.kept}")
    for one in report.refused:
        click.echo(f"  refused {one.count}: {one.reason} (first: {one.first})")
    for note in report.notes:
        click.echo(f"  note: {note}")
    training = "may be trained on" if report.licence.may_train else "for evaluation only"
    click.echo(f"licence: {report.licence.name}, {training}. {report.licence.notice}")
    click.echo(f"written: {target}")
