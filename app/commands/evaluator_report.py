"""`yogeiko evaluator report`: the evidence for an evaluator's number."""

import hashlib
import sys
import time
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import TypedDict, Unpack

import click

from app.clock import utc_now
from app.commands.options import Bar, card_option, home_option, json_option, print_json
from app.evaluator_choice import USUAL_DIALOGUES, choose_evaluator
from app.settings import load_settings
from persona.durable import file_sha256
from persona.importers.formats import FORMATS, import_file
from rlaif.evaluator_report import EvaluatorReport, ReportPlan, make_report
from rlaif.evaluator_report_files import write_report
from rlaif.evaluator_report_markdown import SPLIT_TITLES, figure
from rlaif.evaluator_report_split import Drawing
from rlaif.rated_dialogues import RatedDialogue, seat_raters


class _Asked(TypedDict):
    data: Path
    format: str
    evaluator: str
    dialogues: int | None
    replies: int
    faults: int
    pairs: int
    draws: int
    seed: int
    out: Path | None
    card: Path | None
    home: Path | None
    as_json: bool


@click.command("report")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    required=True,
    help="Rated dialogues: a file or a published folder.",
)
@click.option(
    "--format",
    type=click.Choice(list(FORMATS)),
    default="realpersonachat",
    show_default=True,
    help="The layout of the data.",
)
@click.option("--evaluator", default="embedded", show_default=True, help="Who is reported on.")
@click.option(
    "--dialogues",
    type=click.IntRange(min=1),
    help="Look at so many at most. [default: what takes about twenty minutes]",
)
@click.option(
    "--replies",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Replies that are scored of each dialogue, where replies are what is scored.",
)
@click.option(
    "--faults",
    type=click.IntRange(min=0),
    default=ReportPlan().fault_contexts,
    show_default=True,
    help="Contexts whose replies are spoilt in every way; 0 leaves faults out.",
)
@click.option(
    "--pairs",
    type=click.IntRange(min=0),
    default=ReportPlan().order_pairs,
    show_default=True,
    help="Pairs shown in both orders to evaluators that compare; 0 leaves order out.",
)
@click.option(
    "--draws",
    type=click.IntRange(min=100),
    default=Drawing().draws,
    show_default=True,
    help="Draws behind every interval.",
)
@click.option("--seed", type=int, default=Drawing().seed, show_default=True, help="Of all draws.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for report.json, report.md, report.png. [default: evaluator_reports/ in the home]",
)
@card_option
@home_option
@json_option
def report(**asked: Unpack[_Asked]) -> None:
    """Spearman with people on every split, with baselines, calibration, dimensions and faults.

    Run again to go on with a report that was stopped: what was scored is kept.
    """
    began = time.monotonic()
    name = asked["evaluator"]
    bar = Bar("report")
    bar("reading the data", 0.0)
    data = seat_raters(import_file(asked["format"], asked["data"]).rows)
    plan = ReportPlan(
        dialogues=asked["dialogues"] or USUAL_DIALOGUES.get(name.partition(":")[0]),
        fault_contexts=asked["faults"],
        order_pairs=asked["pairs"],
        drawing=Drawing(draws=asked["draws"], seed=asked["seed"]),
    )
    bar("loading the evaluator", 0.0)
    chosen = choose_evaluator(name, asked["home"], asked["card"], asked["replies"])
    made = make_report(data, chosen.subject, chosen.card, chosen.cache, plan, bar)
    manifest = _manifest(data, asked, made, minutes=(time.monotonic() - began) / 60)
    folder = asked["out"] or load_settings(asked["home"]).home / "evaluator_reports" / _safe(name)
    facts = write_report(made, manifest, folder)
    bar.done(f"report.md, report.png, report.json in {folder}")
    if asked["as_json"]:
        print_json(facts)
        return
    click.echo(f"evaluator {made.evaluator}, {made.used} dialogues; mean Spearman with people:")
    for split in made.splits:
        rows = f"({split.dialogues} dialogues)"
        click.echo(f"{SPLIT_TITLES[split.name]:<24} {figure(split.mean.rho):<22} {rows}")


def _manifest(
    data: Sequence[RatedDialogue], asked: _Asked, made: EvaluatorReport, *, minutes: float
) -> dict[str, object]:
    """What the report was made of and how; nothing of the texts."""
    licences = {one.licence.name: one.licence for one in data}
    return {
        "evaluator": made.evaluator,
        "learns": made.learns,
        "data": asked["data"].name,
        "data_sha256": _sha256(asked["data"]),
        "licences": sorted(licences),
        "notices": sorted({one.notice for one in licences.values() if one.notice}),
        "evaluation_only": sorted(one.name for one in licences.values() if not one.may_train),
        "rated_rows": len(data),
        "dialogues": len({one.group for one in data}),
        "dialogues_used": made.used,
        "replies_per_dialogue": asked["replies"],
        "fault_contexts": asked["faults"],
        "draws": asked["draws"],
        "seed": asked["seed"],
        "command": " ".join(["yogeiko", *sys.argv[1:]]),
        "date": utc_now().astimezone(UTC).date().isoformat(),
        "minutes": round(minutes, 1),
    }


def _sha256(path: Path) -> str:
    """Of a file's bytes; of a folder's files, by name and digest."""
    if path.is_file():
        return file_sha256(path)
    lines = (
        f"{file.relative_to(path).as_posix()} {file_sha256(file)}\n"
        for file in sorted(path.rglob("*"))
        if file.is_file()
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _safe(name: str) -> str:
    """A folder's name for an evaluator that may itself be a path."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)
