"""`yogeiko operator`: who may run a site that others can reach."""

from pathlib import Path

import click

from app.clock import utc_now
from app.commands.options import home_option
from app.console.passwords import hash_password, password_fault
from app.settings import load_settings
from store.audit import append_audit
from store.database import open_database
from store.operators import ROLES, Role, add_operator, disable_operator


@click.group("operator")
def command() -> None:
    """Operators; a site that others can reach needs one."""


@command.command("add")
@click.argument("name")
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True)
@click.option("--role", type=click.Choice(ROLES), default="admin", show_default=True)
@home_option
def add(name: str, password: str, role: Role, home: Path | None) -> None:
    """Add operator NAME, or set a new password and role for them.

    A reviewer reads, reviews and decides pairs; an admin also changes facts, versions and nights.
    """
    fault = password_fault(password)
    if fault is not None:
        raise click.UsageError(fault)
    hashed = hash_password(password)
    with open_database(load_settings(home).database_url).session() as session:
        add_operator(session, name, hashed, now=utc_now(), role=role)
        append_audit(
            session,
            actor="command line",
            action="operator.add",
            detail={"name": name, "role": role},
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
