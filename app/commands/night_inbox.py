"""`yogeiko night pairs` and `yogeiko night conflicts`: what waits for an operator, by command."""

from collections.abc import Sequence
from pathlib import Path

import click

from app.clock import utc_now
from app.commands.options import home_option, json_option, print_json
from app.settings import load_settings
from store.database import Database, open_database
from store.night_records import PairStatus, Resolution, StoredConflict, StoredPair
from store.pair_bulk import approve_found
from store.pair_inbox import PairFilter, list_inbox
from store.pair_queue import list_conflicts, resolve_conflict
from store.pair_verdicts import decide_pair
from store.pairs import list_pairs
from store.scores import reply_or_candidate_text

_WHO = "command line"


@click.command("pairs")
@click.option("--date", "date", help="Of this night only, as YYYY-MM-DD.")
@click.option("--approve", multiple=True, metavar="ID", help="Train on it as it is.")
@click.option("--flip", multiple=True, metavar="ID", help="Train on it the other way round.")
@click.option("--veto", multiple=True, metavar="ID", help="Never train on it.")
@click.option("--approve-all", is_flag=True, help="Approve all that wait of the night of --date.")
@home_option
@json_option
def pairs(
    date: str | None,
    approve: Sequence[str],
    flip: Sequence[str],
    veto: Sequence[str],
    approve_all: bool,
    home: Path | None,
    as_json: bool,
) -> None:
    """Decide proposed pairs, and list those that wait, the least certain first.

    Where operators are asked, a night waits for these until its deadline; then it trains on what
    was approved or flipped.
    """
    if approve_all and date is None:
        raise click.UsageError("--approve-all is about one night; name it with --date")
    database = open_database(load_settings(home).database_url)
    verdicts: dict[PairStatus, Sequence[str]] = {
        "approved": approve,
        "flipped": flip,
        "vetoed": veto,
    }
    with database.session() as session:
        for status, ids in verdicts.items():
            for pair in ids:
                decide_pair(session, pair, status, _WHO, utc_now())
        undecided = PairFilter(night=date, status="proposed")
        if approve_all and list_inbox(session, undecided, offset=0, limit=1).total:
            approve_found(session, undecided, _WHO, utc_now())
    with database.reading() as session:
        waiting = list_pairs(session, date, "proposed")
    if as_json:
        print_json({"pairs": [_pair_json(one) for one in waiting]})
        return
    for one in waiting:
        margin = "" if one.margin is None else f", margin {one.margin:.2f}"
        click.echo(f"{one.id}  {one.night_date}, {one.source}{margin}")
        click.echo(f"    {one.turns[-1][1]}")
        click.echo(f"    + {one.chosen}")
        click.echo(f"    - {one.rejected}")
    click.echo(f"{len(waiting)} pairs wait", err=True)


@click.command("conflicts")
@click.option("--visitor", multiple=True, metavar="ID", help="The visitor is right.")
@click.option("--evaluator", multiple=True, metavar="ID", help="The score is right.")
@home_option
@json_option
def conflicts(
    visitor: Sequence[str], evaluator: Sequence[str], home: Path | None, as_json: bool
) -> None:
    """Settle conflicts between a visitor's signal and a high score, and list the open ones.

    The next night reads the turn of a settled one again.
    """
    database = open_database(load_settings(home).database_url)
    words: dict[Resolution, Sequence[str]] = {"visitor": visitor, "evaluator": evaluator}
    with database.session() as session:
        for resolution, ids in words.items():
            for conflict in ids:
                resolve_conflict(session, conflict, resolution, _WHO, utc_now())
    waiting = _open_conflicts(database)
    if as_json:
        print_json({"conflicts": [_conflict_json(one, text) for one, text in waiting]})
        return
    for one, text in waiting:
        click.echo(f"{one.id}  {one.night_date}, {one.signal}, above {one.reward_quantile:.0%}")
        click.echo(f"    {text}")
    click.echo(f"{len(waiting)} conflicts are open", err=True)


def _open_conflicts(database: Database) -> list[tuple[StoredConflict, str]]:
    with database.reading() as session:
        return [
            (one, reply_or_candidate_text(session, one.reply_id) or "")
            for one in list_conflicts(session, unresolved=True)
        ]


def _pair_json(pair: StoredPair) -> dict[str, object]:
    return {
        "id": pair.id,
        "night": pair.night_date,
        "turns": [[role, text] for role, text in pair.turns],
        "chosen": pair.chosen,
        "rejected": pair.rejected,
        "source": pair.source,
        "margin": pair.margin,
        "disagreement": pair.disagreement,
    }


def _conflict_json(conflict: StoredConflict, text: str) -> dict[str, object]:
    return {
        "id": conflict.id,
        "night": conflict.night_date,
        "signal": conflict.signal,
        "reward_quantile": conflict.reward_quantile,
        "reply": text,
    }
