"""`yogeiko visitor`: what is kept of one person."""

from dataclasses import asdict
from pathlib import Path

import click

from app.clock import utc_now
from app.commands.options import home_option, json_option, print_json
from app.erasure import erase_everywhere
from app.settings import load_settings
from store.database import open_database


@click.group("visitor")
def command() -> None:
    """What is kept of visitors."""


@command.command("erase")
@click.argument("visitor_id")
@click.option("--yes", is_flag=True, help="Do not ask.")
@home_option
@json_option
def erase(visitor_id: str, yes: bool, home: Path | None, as_json: bool) -> None:
    """Erase everything of VISITOR_ID, down to the bytes of database, exports and adapters."""
    settings = load_settings(home)
    if not yes and not click.confirm(
        f"Erase everything of visitor {visitor_id}? This cannot be undone"
    ):
        raise click.ClickException("nothing was erased")
    database = open_database(settings.database_url)
    erased = erase_everywhere(settings, database, visitor_id, actor="command line", now=utc_now())
    if as_json:
        print_json(asdict(erased))
        return
    click.echo(", ".join(f"{name}: {value}" for name, value in asdict(erased).items()))
