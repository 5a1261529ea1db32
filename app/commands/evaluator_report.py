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
from app.commands.options import (
    Bar,
    card_option,
    evaluation_only_option,
    home_option,
    json_option,
    print_json,
)
from app.commands.rated_options import rated_data_options
from app.evaluator_choice import USUAL_DIALOGUES, EvaluatorWish, choose_evaluator
from app.rated_choice import BLIND_REVIEWS, REVIEWS
from app.settings import load_settings
from persona.durable import file_sha256
from rlaif.evaluation_only import is_marked, note_of_id
from rlaif.evaluator_report import EvaluatorReport, ReportPlan, make_report
from rlaif.evaluator_report_files import write_report
from rlaif.evaluator_report_markdown import SPLIT_TITLES, figure
from rlaif.evaluator_report_split import Drawing
from rlaif.rated_dialogues import RatedDialogue


class _Asked(TypedDict):
    data: str
    format_name: str | None
    evaluator: str
    dialogues: int | None
    replies: int
    minutes: float
    faults: int
    pairs: int
    draws: int
    seed: int
    out: Path | None
    card: Path | None
    home: Path | None
    as_json: bool
    evaluation_only: bool


@click.command("report")
@rated_data_options
@click.option(
    "--evaluator",
    default="embedded",
    show_default=True,
    help=f"Who is reported on: {', '.join(USUAL_DIALOGUES)}.",
)
@click.option(
    "--replies",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Replies that are scored of each dialogue, where replies are what is scored.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    default=12.0,
    show_default=True,
    help="Of fitting for one split, where sft is fitted.",
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
@evaluation_only_option
@card_option
@home_option
@json_option
def report(**asked: Unpack[_Asked]) -> None:
    """Spearman with people on every split, with baselines, calibration, dimensions and faults.

    Without --dialogues it looks at what takes about twenty minutes. Run again to go on with a report
    that was stopped: what was scored is kept.
    """
    began = time.monotonic()
    name = asked["evaluator"]
    bar = Bar("report")
    plan = ReportPlan(
        dialogues=asked["dialogues"] or USUAL_DIALOGUES.get(name),
        fault_contexts=asked["faults"],
        order_pairs=asked["pairs"],
        drawing=Drawing(draws=asked["draws"], seed=asked["seed"]),
    )
    bar("reading the data and loading the evaluator", 0.0)
    wish = EvaluatorWish(
        name=name,
        replies=asked["replies"],
        minutes=asked["minutes"],
        evaluation_only=asked["evaluation_only"],
        home=asked["home"],
        card=asked["card"],
    )
    chosen = choose_evaluator(wish, asked["data"], asked["format_name"])
    made = make_report(chosen.data, chosen.subject, chosen.card, chosen.cache, plan, bar)
    manifest = _manifest(chosen.data, asked, made, minutes=(time.monotonic() - began) / 60)
    folder = asked["out"] or load_settings(asked["home"]).home / "evaluator_reports" / _safe(name)
    facts = write_report(made, manifest, folder)
    bar.done(f"report.md, report.png, report.json in {folder}")
    if asked["as_json"]:
        print_json(facts)
        return
    if note := note_of_id(made.evaluator):
        click.echo(note, err=True)
    click.echo(f"evaluator {made.evaluator}, {made.used} dialogues; mean Spearman with people:")
    for split in made.splits:
        rows = f"({split.dialogues} dialogues)"
        click.echo(f"{SPLIT_TITLES[split.name]:<24} {figure(split.mean.rho):<22} {rows}")


def _manifest(
    data: Sequence[RatedDialogue], asked: _Asked, made: EvaluatorReport, *, minutes: float
) -> dict[str, object]:
    """What the report was made of and how; nothing of the texts."""
    licences = {one.licence.name: one.licence for one in data}
    reviews = asked["data"] in (REVIEWS, BLIND_REVIEWS)
    return {
        "evaluator": made.evaluator,
        "learns": made.learns,
        "data": Path(asked["data"]).name,
        "data_sha256": None if reviews else _sha256(Path(asked["data"])),
        "licences": sorted(licences),
        "notices": sorted({one.notice for one in licences.values() if one.notice}),
        "data_for_evaluation_only": sorted(
            one.name for one in licences.values() if not one.may_train
        ),
        "evaluator_fitted_on_evaluation_only": is_marked(made.evaluator),
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
