"""`yogeiko night bench`: Table 3 of the seed on this machine's model."""

import json
from functools import partial
from pathlib import Path

import click

from app.clock import utc_now
from app.commands.options import Bar, card_option, home_option, json_option, print_json
from app.composition import adapter_record, chosen_card
from app.night_models import NightModels
from app.night_service import night_memory_bytes, night_threads
from app.settings import Settings, load_settings
from persona.adapter_folder import MANIFEST
from persona.card import Card
from persona.dialogues import read_card_rows
from persona.durable import write_file
from rlaif.night_work import MeasuredAdapter
from rlaif.perplexity import reply_nats
from rlaif.run_child import run_training_child
from rlaif.table3 import PolicyOrder, Report, Table3Parts, Table3Settings, make_table3
from rlaif.table3_report import table3_json, table3_markdown
from rlaif.train import Lineage
from rlaif.training_job import ChildLimits, TrainingJob


@click.command("bench")
@click.option(
    "--contexts",
    type=click.IntRange(min=8),
    default=Table3Settings().contexts,
    show_default=True,
    help="Training contexts, each answered four ways.",
)
@click.option(
    "--held-out",
    type=click.IntRange(min=2),
    help="Contexts to measure. [default: all of the test rows]",
)
@click.option("--per-metric", is_flag=True, help="One policy per metric, as the seed did: slow.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for table3.md and table3.json. [default: bench/ in the home folder]",
)
@card_option
@home_option
@json_option
def bench(
    contexts: int,
    held_out: int | None,
    per_metric: bool,
    out: Path | None,
    card: Path | None,
    home: Path | None,
    as_json: bool,
) -> None:
    """Table 3 of the seed: each impression and perplexity before and after DPO, on held-out rows."""
    settings = load_settings(home)
    chosen = chosen_card(settings, card)
    bar = Bar("table 3")
    table3 = Table3Settings(
        contexts=contexts,
        held_out=held_out,
        per_metric=per_metric,
        chat=settings.chat.sampling(0),
    )
    folder = out or settings.home / "bench"
    models = NightModels(settings, chosen)
    try:
        table = make_table3(_parts(settings, chosen, models, folder, bar), table3)
    finally:
        models.close_engine()
    folder.mkdir(parents=True, exist_ok=True)
    text, facts = table3_markdown(table), table3_json(table)
    write_file(folder / "table3.md", text.encode())
    write_file(
        folder / "table3.json", json.dumps(facts, ensure_ascii=False, indent=2).encode() + b"\n"
    )
    bar.done(f"table3.md and table3.json in {folder}")
    if as_json:
        print_json(facts)
    else:
        click.echo(text, nl=False)


def _parts(
    settings: Settings, card: Card, models: NightModels, folder: Path, bar: Bar
) -> Table3Parts:
    return Table3Parts(
        card=card,
        train_rows=read_card_rows(card.folder, "train"),
        test_rows=read_card_rows(card.folder, "test"),
        anchor=_anchor(card),
        evaluator=models.embedded_evaluator(),
        engine=models.engine,
        close_engine=models.close_engine,
        train=partial(_train, settings, card, folder),
        nats=lambda adapter, rows: reply_nats(models.frozen_base, adapter.folder, card, rows),
        report=bar,
    )


def _anchor(card: Card) -> MeasuredAdapter:
    folder = card.folder / "adapter"
    if not (folder / MANIFEST).is_file():
        raise click.ClickException(
            f"the card {card.id} has no adapter of its own in {folder}, and the policies start from "
            "it; name another card with --card"
        )
    return MeasuredAdapter(id=adapter_record(folder).id, folder=folder)


def _train(
    settings: Settings, card: Card, folder: Path, order: PolicyOrder, report: Report
) -> MeasuredAdapter:
    """A policy in a child process; finished ones are taken as they are."""
    manifest = run_training_child(
        TrainingJob(
            model=settings.model.name,
            models_folder=settings.models_folder,
            card_folder=card.folder,
            anchor_folder=card.folder / "adapter",
            pairs=order.pairs,
            replay_pairs=order.replay_pairs,
            work_folder=folder / "training" / order.name,
            adapters_folder=folder / "adapters",
            lineage=Lineage(date=utc_now().date().isoformat(), details={"reward": order.name}),
            limits=ChildLimits(
                threads=night_threads(settings.night),
                memory_bytes=night_memory_bytes(settings.night),
            ),
            quantization=settings.model.quantization,
        ),
        lambda told: report(f"training on {order.name}", told.step / told.steps),
        lambda: False,
    )
    name = str(manifest["id"])
    return MeasuredAdapter(id=name, folder=folder / "adapters" / name)
