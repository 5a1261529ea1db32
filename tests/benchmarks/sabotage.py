"""Bad adapters of the real model against the real gates: is every one of them kept out?

    python -m tests.benchmarks.sabotage --home FOLDER [--models FOLDER] [--rows 24]

The night's own trainer, pushed far beyond its own rate, teaches the shipped adapter to refuse, to
parrot, to ramble, to break the persona, to be dull. Each is measured on the frozen probes by the
night's two evaluators and judged against the shipped adapter. Weights that are no numbers, a torn
file and one that could hold pickled code are offered to the check before publication. Prints JSON;
exits 1 unless all are kept out. A run that was interrupted goes on where it was.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

# Waiting threads sleep instead of spinning; OpenMP reads this once, when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import click
import torch
from safetensors.torch import load_file, save_file

from app.composition import chosen_card, publish_shipped_adapter, served_base
from app.night_gates import NightGates
from app.night_models import NightModels
from app.settings import Settings
from persona.adapter_folder import MANIFEST, WEIGHTS
from persona.card import Card
from persona.dialogues import DialogueRow, read_card_rows
from persona.durable import file_sha256
from persona.engine import Message
from persona.errors import PersonaError
from rlaif.gate_measurements import Measurements
from rlaif.gate_settings import GateSettings
from rlaif.gates import decide, judge_gates
from rlaif.measure import MeasureSetup
from rlaif.night_work import MeasuredAdapter
from rlaif.publish import verify_adapter
from rlaif.run_child import run_training_child
from rlaif.seed_pairs import seed_preference
from rlaif.train import Lineage, PreferenceSettings
from rlaif.training_job import ChildLimits, TrainingJob
from rlaif.training_pairs import TrainingPair
from store.database import open_database
from tests.benchmarks.planted_night import prepared

_RATE = 2e-4
Spoil = Callable[[DialogueRow], str]


def _plain(row: DialogueRow) -> str:
    """Her reply in somebody else's voice."""
    text = row.reply.replace("わたくし", "僕").replace("かしら", "かな")
    for old, new in (
        ("ですわね", "だよね"),
        ("ますわ", "るよ"),
        ("ですわ", "だよ"),
        ("ですの", "なんだ"),
    ):
        text = text.replace(old, new)
    return "僕はね、" + text


SABOTEURS: Mapping[str, Spoil] = {
    "refusing": lambda _: "申し訳ございませんが、それについては存じませんわ。",
    "parroting": lambda row: row.user.rstrip("。！？!?") + "、ですのね。",
    "verbose": lambda row: (
        row.reply
        + "それから、もうひとつ申し上げますわ。そもそもの始まりから順にお話しいたしますと、とても長くなりますの。"
        * 2
    ),
    "persona-breaking": _plain,
    "dull": lambda _: "そうなんですのね。すてきですわ。",
}


def _pairs(card: Card, spoil: Spoil, count: int) -> tuple[TrainingPair, ...]:
    rows = [row for row in read_card_rows(card.folder, "train") if row.kind in ("style", "multi")]
    return tuple(
        TrainingPair(
            id=f"sabotage-{row.id}",
            preference=seed_preference(
                f"sabotage-{row.id}",
                (*row.history, Message(role="user", content=row.user)),
                row.facts,
                (spoil(row), row.reply),
            ),
        )
        for row in rows[:: len(rows) // count][:count]
    )


def _teach(settings: Settings, card: Card, anchor: Path, name: str, count: int) -> MeasuredAdapter:
    """A saboteur, trained once and kept."""
    known = settings.home / "saboteurs.json"
    made: dict[str, str] = json.loads(known.read_text()) if known.exists() else {}
    if name not in made:
        manifest = run_training_child(
            TrainingJob(
                model=settings.model.name,
                models_folder=settings.models_folder,
                card_folder=card.folder,
                anchor_folder=anchor,
                pairs=_pairs(card, SABOTEURS[name], count),
                replay_pairs=(),
                work_folder=settings.home / "training" / name,
                adapters_folder=settings.adapters_folder,
                lineage=Lineage(date=datetime.now(UTC).date().isoformat(), details={"as": name}),
                settings=PreferenceSettings(
                    learning_rate=_RATE,
                    epochs=3,
                    replay_share=0.0,
                    safety_pairs=0,
                    max_kl=1e9,
                ),
                limits=ChildLimits(nice=0, threads=torch.get_num_threads()),
            ),
            lambda told: click.echo(f"{name} {told.step}/{told.steps}", err=True),
            lambda: False,
        )
        made[name] = str(manifest["id"])
        known.write_text(json.dumps(made))
    return MeasuredAdapter(id=made[name], folder=settings.adapters_folder / made[name])


class _FewDraws(NightGates):
    """The night's gates with fewer draws of each probe: what fails here fails by far."""

    draws = 1

    def setup(
        self, adapter: MeasuredAdapter, progress: Callable[[int, int | None], None]
    ) -> MeasureSetup:
        return replace(super().setup(adapter, progress), draws=self.draws)


def _judged(candidate: Measurements, anchor: Measurements) -> dict[str, object]:
    results = judge_gates(candidate, anchor, anchor, (), GateSettings())
    failed = {one.gate: one.value for one in results if not one.passed}
    return {"kept_out": not decide(results).publish, "gates": len(results), "failed": failed}


def _broken(settings: Settings, anchor: Path) -> dict[str, object]:
    """What the check before publication says of weights that must not be read or served."""
    return {
        name: _refused(settings, _spoilt_copy(settings, anchor, name, spoil))
        for name, spoil in (("nan", _without_numbers), ("torn", _torn), ("pickle", _with_pickle))
    }


def _spoilt_copy(
    settings: Settings, anchor: Path, name: str, spoil: Callable[[Path], None]
) -> Path:
    folder = settings.home / "broken" / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(anchor, folder)
    spoil(folder)
    return folder


def _without_numbers(folder: Path) -> None:
    tensors = load_file(str(folder / WEIGHTS))
    tensors[next(iter(tensors))][0, 0] = float("nan")
    save_file(tensors, str(folder / WEIGHTS))
    manifest = json.loads((folder / MANIFEST).read_text())
    # A manifest that vouches for them: the numbers themselves have to be looked at.
    manifest["sha256"] = file_sha256(folder / WEIGHTS)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def _torn(folder: Path) -> None:
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[: len(whole) // 2])


def _with_pickle(folder: Path) -> None:
    (folder / "adapter_model.bin").write_bytes(b"\x80\x04N.")


def _refused(settings: Settings, folder: Path) -> dict[str, object]:
    try:
        verify_adapter(folder, served_base(settings), now=datetime.now(UTC))
    except PersonaError as error:
        return {"kept_out": True, "reason": str(error).replace(str(settings.home), "HOME")}
    return {"kept_out": False}


def run_sabotage(settings: Settings, count: int, names: Sequence[str]) -> dict[str, object]:
    """Teach, measure and judge every saboteur; JSON."""
    card = chosen_card(settings)
    database = open_database(settings.database_url)
    shipped = publish_shipped_adapter(database, card, settings.adapters_folder)
    assert shipped is not None
    anchor = MeasuredAdapter(id=shipped.id, folder=Path(shipped.folder))
    taught = {name: _teach(settings, card, anchor.folder, name, count) for name in names}
    models = NightModels(settings, card)
    gates = _FewDraws(settings, database, models)
    engine = models.engine()
    measured: dict[str, Measurements] = {}
    minutes: dict[str, float] = {}
    for name, adapter in {"anchor": anchor, **taught}.items():
        began = time.monotonic()
        engine.add_adapter(adapter.id, adapter.folder)
        measured[name] = gates.measure(
            engine, adapter, lambda done, total: click.echo(f"{done}/{total}", err=True)
        )
        minutes[name] = round((time.monotonic() - began) / 60, 2)
        click.echo(f"{name}: {minutes[name]} minutes", err=True)
    models.close_engine()
    adapters = {name: _judged(measured[name], measured["anchor"]) for name in taught}
    broken = _broken(settings, anchor.folder)
    verdicts = [*adapters.values(), *broken.values()]
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "passed": all(isinstance(one, dict) and one["kept_out"] for one in verdicts),
        "pairs": count,
        "learning_rate": _RATE,
        "draws": _FewDraws.draws,
        "adapters": adapters,
        "broken": broken,
        "minutes_of_measuring": minutes,
    }


@click.command(help=__doc__)
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option(
    "--models", type=click.Path(path_type=Path), default=Path("~/.local/share/yogeiko/models")
)
@click.option("--rows", default=24, show_default=True, help="Pairs that teach a saboteur.")
@click.option("--only", type=click.Choice(list(SABOTEURS)), multiple=True)
@click.option("--threads", default=2, show_default=True)
def main(home: Path, models: Path, rows: int, only: Sequence[str], threads: int) -> None:
    torch.set_num_threads(threads)
    found = run_sabotage(prepared(home, models, threads), rows, only or list(SABOTEURS))
    click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    sys.exit(0 if found["passed"] else 1)


if __name__ == "__main__":
    main()
