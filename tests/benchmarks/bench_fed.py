"""Constants of the evaluator `fed`, and what it can tell apart.

    python -m tests.benchmarks.bench_fed --calibrate --data real_persona_chat.jsonl.xz --models FOLDER [--count 48]
    python -m tests.benchmarks.bench_fed --data real_persona_chat.jsonl.xz --models FOLDER [--count 20]

The first measures the constants on half chats of raters on the fitting side, half training rows of
the shipped card, and writes rlaif/fed_calibration.json. The second makes one reply of every fault
from held-out contexts, and prints by metric how often the real reply is put above the spoilt one
in the same context, with its interval, and the seconds a reply takes.
"""

import json
import os
import random
import time
from pathlib import Path

# Waiting threads sleep instead of spinning; OpenMP reads this once, when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import click

from persona.base_model import LoadOptions, load_model
from persona.card import SHIPPED_CARD
from persona.dialogues import Split, read_card_rows
from persona.estimates import rate
from persona.importers.realpersonachat import import_realpersonachat
from rlaif.evaluator import Assessment, Dialogue
from rlaif.fault_contexts import Context, card_contexts, rated_contexts, split_by_rater
from rlaif.faults import FAULT_KINDS, Material, make_fault
from rlaif.fed_evaluator import FedEvaluator, measure_calibration
from rlaif.fit_data import DataPlan
from rlaif.follow_ups import (
    SHIPPED_CALIBRATION,
    load_calibration,
    load_follow_ups,
    save_calibration,
)
from rlaif.metrics import METRIC_KEYS


def _contexts(data: Path, *, held_out: bool) -> list[Context]:
    """Chats and rows of the card in turn, from one side of the split the heads are fitted on."""
    plan = DataPlan()
    rng = random.Random(plan.seed)
    rows = import_realpersonachat(data).rows
    split = split_by_rater(rows, held_out_share=plan.rater_share_held_out, rng=rng)
    chats = rated_contexts(split.held_out if held_out else split.fit, per_dialogue=1, rng=rng)
    wanted: Split = "test" if held_out else "train"
    own = card_contexts(read_card_rows(SHIPPED_CARD, wanted))
    return [c for pair in zip(_mixed(chats), _mixed(own), strict=False) for c in pair]


def _mixed(contexts: list[Context]) -> list[Context]:
    return random.Random(3).sample(contexts, len(contexts))


def _dialogue(context: Context) -> Dialogue:
    return Dialogue(turns=context.turns, reply=context.reply, facts=context.facts)


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--models", type=click.Path(path_type=Path), required=True)
@click.option("--count", default=48)
@click.option("--calibrate", is_flag=True)
@click.option("--json", "as_json", is_flag=True)
def main(data: Path, models: Path, count: int, calibrate: bool, as_json: bool) -> None:
    """Measure `fed`."""
    contexts = _contexts(data, held_out=not calibrate)[:count]
    loaded = load_model("embedded:gemma-3-270m", models, LoadOptions(threads=1))
    if calibrate:
        source = (
            "RealPersonaChat, raters on the fitting side (texts alone, no rating), and training "
            "rows of the shipped card, half and half"
        )
        calibration = measure_calibration(
            loaded,
            load_follow_ups(),
            [_dialogue(context) for context in contexts],
            source,
            lambda done: click.echo(f"{done}/{len(contexts)}", err=True),
        )
        save_calibration(calibration, SHIPPED_CALIBRATION)
        click.echo(f"wrote {SHIPPED_CALIBRATION}")
        return
    evaluator = FedEvaluator(loaded, load_follow_ups(), load_calibration())
    _report(evaluator, contexts, as_json)


def _report(evaluator: FedEvaluator, contexts: list[Context], as_json: bool) -> None:
    wins: dict[str, dict[str, list[bool]]] = {}
    scored, start = 0, time.perf_counter()
    for number, context in enumerate(contexts):
        material = Material(half="held_out", contexts=contexts, rng=random.Random(number))
        made = {kind: make_fault(kind, context, material) for kind in FAULT_KINDS}
        spoilt = {kind: example.dialogue for kind, example in made.items() if example is not None}
        verdicts = evaluator.assess([_dialogue(context), *spoilt.values()])
        scored += len(verdicts)
        real, others = verdicts[0], dict(zip(spoilt, verdicts[1:], strict=True))
        for kind, verdict in others.items():
            if isinstance(real, Assessment) and isinstance(verdict, Assessment):
                own = wins.setdefault(kind, {})
                for key in METRIC_KEYS:
                    own.setdefault(key, []).append(real.values[key] > verdict.values[key])
                own.setdefault("mean", []).append(
                    sum(real.values.values()) > sum(verdict.values.values())
                )
    seconds = (time.perf_counter() - start) / max(scored, 1)
    table = {kind: {key: rate(hits) for key, hits in own.items()} for kind, own in wins.items()}
    if as_json:
        plain = {
            kind: {key: [e.value, e.low, e.high, e.n] for key, e in own.items() if e is not None}
            for kind, own in table.items()
        }
        click.echo(json.dumps({"seconds_per_reply": seconds, "real_above_spoilt": plain}))
        return
    click.echo(f"{seconds:.2f} s a reply; share of contexts where the real reply is above")
    for kind, own in table.items():
        cells = [f"{key} {e.value:.2f}" for key, e in own.items() if e is not None]
        mean = own["mean"]
        span = f" [{mean.low:.2f}, {mean.high:.2f}] n={mean.n}" if mean is not None else ""
        click.echo(f"{kind:14s} {', '.join(cells)}{span}")


if __name__ == "__main__":
    main()
