"""`yogeiko persona`: check the card and its data, train its voice, report, arena."""

import time
from collections.abc import Sequence
from pathlib import Path

import click

from app.adapter_choice import adapter_to_measure
from app.clock import utc_now
from app.commands.lazy_group import LazyCommand, LazyGroup
from app.commands.options import Bar, card_option, home_option, json_option, print_json
from app.composition import (
    adapter_record,
    build_index,
    chosen_card,
    engine_settings,
    load_base,
)
from app.settings import load_settings
from persona.data_check import CheckReport, check_card
from persona.dialogues import read_card_rows, read_probes
from persona.local_engine import LocalEngine
from persona.report import ReportSetup, make_report
from persona.report_files import report_json, report_markdown, write_report
from persona.retrieval import FactIndex
from persona.sft import Recipe, TrainingProgress, TrainingRun, recipe_settings, train
from store.adapters import deploy, ensure_adapter
from store.database import open_database

_LAZY = {
    "arena": LazyCommand(
        module="app.commands.persona_arena",
        name="arena",
        help="Let versions answer the same situations and rate them by pairs.",
    ),
    "interview": LazyCommand(
        module="app.commands.persona_interview", help="Interview the persona."
    ),
    "likeness": LazyCommand(
        module="app.commands.persona_likeness", help="A small classifier of her voice."
    ),
}


@click.group("persona", cls=LazyGroup, lazy=_LAZY)
def command() -> None:
    """The character: her card, her data, her voice."""


@command.command("check")
@card_option
@home_option
@json_option
def check(card: Path | None, home: Path | None, as_json: bool) -> None:
    """Check card and dialogues; exit 1 when something is not as it should be."""
    report = check_card(chosen_card(load_settings(home), card).folder)
    if as_json:
        print_json(_check_json(report))
    else:
        _print_check(report)
    if not report.ok:
        raise click.exceptions.Exit(1)


@command.command("train")
@click.option("--recipe", type=click.Choice(["default", "seed"]), default="default")
@click.option("--activate", is_flag=True, help="Let new conversations use the adapter.")
@card_option
@home_option
@json_option
def train_voice(
    recipe: Recipe, activate: bool, card: Path | None, home: Path | None, as_json: bool
) -> None:
    """Fine-tune the base model on the card's dialogues; run again to resume."""
    settings = load_settings(home)
    chosen = chosen_card(settings, card)
    loaded = load_base(settings, Bar("model"))
    recipe_used = recipe_settings(recipe)
    click.echo(f"settings: {recipe_used}", err=True)
    manifest = train(
        loaded,
        TrainingRun(
            card=chosen,
            rows=read_card_rows(chosen.folder, "train", "validation"),
            work_folder=settings.home / "training",
            adapters_folder=settings.adapters_folder,
            settings=recipe_used,
            report=_TrainingLine(),
        ),
    )
    adapter = adapter_record(settings.adapters_folder / str(manifest["id"]))
    with open_database(settings.database_url).session() as session:
        ensure_adapter(session, adapter)
        if activate:
            deploy(session, adapter.id, who="command line", why=f"{recipe} recipe", now=utc_now())
    if as_json:
        print_json({**manifest, "folder": adapter.folder, "active": activate})
        return
    click.echo(f"\nadapter {adapter.id} in {adapter.folder}")
    if not activate:
        click.echo("it is not in use yet; run the command again with --activate to use it")


@command.command("report")
@click.option("--adapter", "adapter_id", help="Which adapter. [default: the one in use]")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for report.json, report.md and report.png.",
)
@card_option
@home_option
@json_option
def report_cells(
    adapter_id: str | None, out: Path | None, card: Path | None, home: Path | None, as_json: bool
) -> None:
    """Measure retrieval x fine-tuning over the frozen probes (about 20 minutes on two cores)."""
    settings = load_settings(home)
    chosen = chosen_card(settings, card)
    adapter, folder = adapter_to_measure(settings, chosen, adapter_id)
    setup = ReportSetup(
        card=chosen,
        rows=read_card_rows(chosen.folder, "test"),
        probes=read_probes(chosen.folder),
        search=_Searcher(build_index(settings)),
        progress=Bar("report"),
    )
    engine = LocalEngine(load_base(settings), engine_settings(settings))
    try:
        engine.add_adapter(adapter, folder)
        report = make_report(engine, setup, adapter)
    finally:
        engine.close()
    paths = write_report(report, out or settings.exports_folder / "persona-report")
    if as_json:
        print_json(report_json(report))
    else:
        click.echo("\n" + report_markdown(report))
    click.echo(f"written: {', '.join(str(path) for path in paths)}", err=True)


class _Searcher:
    """Retrieval as the chat does it, over whichever facts the report asks for."""

    def __init__(self, index: FactIndex) -> None:
        self._index = index

    def __call__(self, facts: Sequence[str], question: str) -> list[str]:
        """The best three."""
        self._index.update(facts)
        return [found.text for found in self._index.search(question, ())]


class _TrainingLine:
    """One line that tells step, loss and the time left."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._first_step: int | None = None

    def __call__(self, progress: TrainingProgress) -> None:
        """Show the progress of one optimiser step."""
        if self._first_step is None:
            self._first_step, self._began = progress.step, time.monotonic()
        done = progress.step - self._first_step
        pace = (time.monotonic() - self._began) / done if done else 0.0
        left = pace * (progress.steps - progress.step) / 60
        losses = "".join(
            f"  {name} {value:.3f}"
            for name, value in (
                ("loss", progress.loss),
                ("validation", progress.validation_loss),
            )
            if value is not None
        )
        text = f"step {progress.step}/{progress.steps}{losses}  about {left:.0f} min left"
        click.echo(f"\r{text:<78}", nl=False, err=True)


def _check_json(report: CheckReport) -> dict[str, object]:
    return {
        "card": report.card,
        "ok": report.ok,
        "rows": report.rows,
        "counts": report.counts,
        "reply_percentiles": report.reply_percentiles,
        "checks": [
            {
                "name": check.name,
                "ok": check.ok,
                "value": check.value,
                "expected": check.expected,
                "examples": list(check.examples),
            }
            for check in report.checks
        ],
    }


def _print_check(report: CheckReport) -> None:
    click.echo(f"{report.card}: {report.rows} rows")
    for kind, splits in report.counts.items():
        counts = ", ".join(f"{split} {count}" for split, count in splits.items())
        click.echo(f"  {kind}: {counts}")
    for one in report.checks:
        mark = "ok  " if one.ok else "FAIL"
        click.echo(f"{mark} {one.name}: {one.value:g} (expected {one.expected})")
        for example in () if one.ok else one.examples:
            click.echo(f"       {example}")
