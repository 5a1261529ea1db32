"""`yogeiko adapter`: what was trained, what is in production, and going back."""

from collections.abc import Sequence
from pathlib import Path

import click

from app.clock import utc_now
from app.commands.options import home_option, json_option, print_json
from app.composition import chosen_card, publish_shipped_adapter, served_base
from app.settings import Settings, load_settings
from persona.errors import AdapterError
from rlaif.publish import ServedBase, activate, rollback, verify_registered
from store.adapters import active_adapter, list_adapters, list_deployments, load_adapter
from store.database import Database, open_database
from store.lineage import count_lineage
from store.records import Adapter, Deployment

_WHO = "command line"


@click.group("adapter")
def command() -> None:
    """Trained adapters and which of them is in production."""


@command.command("list")
@home_option
@json_option
def list_all(home: Path | None, as_json: bool) -> None:
    """List all adapters, oldest first; * is in production."""
    _, database = _open(home)
    with database.reading() as session:
        adapters, active = list_adapters(session), active_adapter(session)
    if as_json:
        print_json({"active": active, "adapters": [_facts(one) for one in adapters]})
        return
    for one in adapters:
        mark = "*" if one.id == active else " "
        click.echo(f"{mark} {one.id}  {one.kind}, {_time(one.created_at.isoformat())}{_state(one)}")
    if not adapters:
        click.echo("no adapters yet; train a voice: yogeiko persona train --activate")


@command.command("show")
@click.argument("adapter_id")
@home_option
@json_option
def show(adapter_id: str, home: Path | None, as_json: bool) -> None:
    """Show ADAPTER_ID: its manifest, its family, what it learnt from, when it was in production."""
    _, database = _open(home)
    with database.reading() as session:
        adapter = load_adapter(session, adapter_id)
        everybody = list_adapters(session)
        pairs, visitors = count_lineage(session, adapter_id)
        history = list_deployments(session, with_tainted=True)
        active = active_adapter(session)
    deployments = [one for one in history if one.adapter == adapter_id]
    facts: dict[str, object] = {
        **_facts(adapter),
        "active": active == adapter_id,
        "folder": adapter.folder,
        "ancestors": _ancestors(adapter, everybody),
        "children": [one.id for one in everybody if one.parent_id == adapter_id],
        "pairs": pairs,
        "visitors": visitors,
        "deployments": [_deployment(one) for one in deployments],
        "manifest": adapter.manifest,
    }
    if as_json:
        print_json(facts)
        return
    _print_adapter(adapter, facts, deployments)


@command.command("activate")
@click.argument("adapter_id")
@click.option("--why", default="by hand", show_default=True, help="Kept in the history.")
@home_option
@json_option
def activate_one(adapter_id: str, why: str, home: Path | None, as_json: bool) -> None:
    """Verify ADAPTER_ID and put it into production; new conversations use it at once."""
    settings, database = _open(home)
    with database.reading() as session:
        adapter = load_adapter(session, adapter_id)
    verify_registered(adapter, served_base(settings))
    with database.session() as session:
        activate(session, adapter_id, who=_WHO, why=why, now=utc_now())
    _tell(adapter, as_json)


@command.command("rollback")
@click.option("--to", metavar="ADAPTER_ID", help="Which. [default: the one before the present]")
@click.option("--why", default="rollback by hand", show_default=True, help="Kept in the history.")
@home_option
@json_option
def roll_back(to: str | None, why: str, home: Path | None, as_json: bool) -> None:
    """Put an earlier adapter into production again; damaged ones are passed over."""
    settings, database = _open(home)
    base = served_base(settings)

    def check(adapter: Adapter) -> None:
        verify_registered(adapter, base)

    with database.session() as session:
        adapter = rollback(session, to=to, who=_WHO, why=why, now=utc_now(), check=check)
    _tell(adapter, as_json)


@command.command("verify")
@click.argument("adapter_id", required=False)
@home_option
@json_option
def verify(adapter_id: str | None, home: Path | None, as_json: bool) -> None:
    """Read every file of ADAPTER_ID, or of all adapters; exit 1 when one must be refused."""
    settings, database = _open(home)
    with database.reading() as session:
        # Tainted ones have no files any more, and need none.
        kept = [one for one in list_adapters(session) if one.tainted_at is None]
        chosen = [load_adapter(session, adapter_id)] if adapter_id else kept
    base = served_base(settings)
    faults = {adapter.id: _fault(adapter, base) for adapter in chosen}
    if as_json:
        rows = [{"id": name, "ok": not fault, "fault": fault} for name, fault in faults.items()]
        print_json({"base_sha256": base.sha256, "adapters": list(rows)})
    else:
        for name, fault in faults.items():
            click.echo(f"{'FAIL' if fault else 'ok  '} {name}{': ' if fault else ''}{fault or ''}")
        if not faults:
            click.echo("no adapters yet; train a voice: yogeiko persona train --activate")
    if any(faults.values()):
        raise click.exceptions.Exit(1)


def _open(home: Path | None) -> tuple[Settings, Database]:
    settings = load_settings(home)
    database = open_database(settings.database_url)
    publish_shipped_adapter(database, chosen_card(settings), settings.adapters_folder)
    return settings, database


def _fault(adapter: Adapter, base: ServedBase) -> str | None:
    try:
        verify_registered(adapter, base)
    except AdapterError as error:
        return str(error)
    return None


def _ancestors(adapter: Adapter, everybody: Sequence[Adapter]) -> list[str]:
    """The parent, its parent, and so on."""
    parents = {one.id: one.parent_id for one in everybody}
    found: list[str] = []
    above = adapter.parent_id
    while above is not None and above not in found:
        found.append(above)
        above = parents.get(above)
    return found


def _facts(adapter: Adapter) -> dict[str, object]:
    return {
        "id": adapter.id,
        "kind": adapter.kind,
        "parent": adapter.parent_id,
        "base_sha256": adapter.base,
        "sha256": adapter.sha256,
        "created_at": adapter.created_at.isoformat(),
        "tainted_at": adapter.tainted_at.isoformat() if adapter.tainted_at else None,
        "taint_reason": adapter.taint_reason,
    }


def _deployment(one: Deployment) -> dict[str, str]:
    return {"at": one.at.isoformat(), "who": one.who, "why": one.why}


def _print_adapter(
    adapter: Adapter, facts: dict[str, object], deployments: Sequence[Deployment]
) -> None:
    ancestors = facts["ancestors"]
    family = " < ".join([adapter.id, *ancestors]) if isinstance(ancestors, list) else adapter.id
    click.echo(f"{adapter.id}{' (in production)' if facts['active'] else ''}{_state(adapter)}")
    click.echo(f"  kind      {adapter.kind}, registered {_time(adapter.created_at.isoformat())}")
    click.echo(f"  weights   sha256 {adapter.sha256}")
    click.echo(f"  base      sha256 {adapter.base}")
    click.echo(f"  folder    {adapter.folder}")
    click.echo(f"  family    {family}")
    click.echo(f"  learnt    {facts['pairs']} pairs of {facts['visitors']} visitors")
    for one in deployments:
        click.echo(f"  deployed  {_time(one.at.isoformat())} by {one.who}: {one.why}")
    click.echo("  manifest  with --json")


def _state(adapter: Adapter) -> str:
    return f"  TAINTED: {adapter.taint_reason}" if adapter.tainted_at else ""


def _time(moment: str) -> str:
    return moment[:16].replace("T", " ")


def _tell(adapter: Adapter, as_json: bool) -> None:
    if as_json:
        print_json({"active": adapter.id, "folder": adapter.folder})
        return
    click.echo(f"{adapter.id} is in production; conversations under way keep theirs")
