"""`yogeiko operator`: who may run a site that others can reach."""

from pathlib import Path

import click
from argon2 import PasswordHasher

from app.clock import utc_now
from app.commands.options import home_option
from app.settings import load_settings
from store.audit import append_audit
from store.database import open_database
from store.operators import add_operator, disable_operator

_SHORTEST_PASSWORD = 12


@click.group("operator")
def command() -> None:
    """Operators; a site that others can reach needs one."""


@command.command("add")
@click.argument("name")
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True)
@home_option
def add(name: str, password: str, home: Path | None) -> None:
    """Add operator NAME, or set a new password for them."""
    if len(password) < _SHORTEST_PASSWORD:
        raise click.UsageError(
            f"the password has {len(password)} characters; expected {_SHORTEST_PASSWORD} or more"
        )
    hashed = PasswordHasher().hash(password)
    with open_database(load_settings(home).database_url).session() as session:
        add_operator(session, name, hashed, now=utc_now())
        append_audit(
            session,
            actor="command line",
            action="operator.add",
            detail={"name": name},
            now=utc_now(),
        )
    click.echo(f"operator {name} added")


@command.command("disable")
@click.argument("name")
@home_option
def disable(name: str, home: Path | None) -> None:
    """Lock operator NAME out."""
    with open_database(load_settings(home).database_url).session() as session:
        disable_operator(session, name, now=utc_now())
        append_audit(
            session,
            actor="command line",
            action="operator.disable",
            detail={"name": name},
            now=utc_now(),
        )
    click.echo(f"operator {name} disabled")
