"""A night with a planted reward on the real model: does what is rewarded grow, and only that?

    python -m tests.benchmarks.planted_night --home FOLDER [--models FOLDER] [--turns 150]
                                             [--visitors 32] [--learning-rate X] [--threads N]

A rule that no model knows of ("the reply asks back", tests/benchmarks/asks_back.py) takes the place
of the training evaluator. Visitors who let the night learn say the card's training lines to the
shipped adapter; then the night runs as ever: candidates, pairs, training in a child process, gates.
Afterwards both adapters answer lines that neither anchor nor night was trained on, with the same
seeds, and the rule counts. Prints JSON; exits 1 unless there were enough pairs, the interval of the
gain lies above 0 and perplexity rose by no more than its gate allows. A run that was interrupted
goes on where it was.
"""

import json
import logging
import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

# Waiting threads sleep instead of spinning; OpenMP reads this once, when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import click

from app.composition import chosen_card, publish_shipped_adapter
from app.night_models import NightModels
from app.night_parts import night_parts
from app.night_plan import night_settings
from app.settings import Settings, load_settings
from persona.base_model import prepare_model
from persona.card import Card
from persona.dialogues import DialogueRow, read_card_rows
from persona.engine import Engine, Message, Sampling
from rlaif.evaluator import Evaluator
from rlaif.gate_settings import GateSettings
from rlaif.gate_statistics import Case, Clustered, difference, estimate
from rlaif.make_candidates import CandidateSettings, Prompt, Speaker, make_candidates
from rlaif.night import run_night
from rlaif.night_ledger import NightOrder, NightOutcome
from rlaif.night_work import NightParts, StepProgress, Trainer, TrainingOrder
from rlaif.perplexity import reply_nats
from rlaif.rarity import letters
from rlaif.run_child import run_training_child
from rlaif.train import PreferenceSettings
from rlaif.training_job import ChildLimits, TrainingJob
from store.adapters import load_adapter
from store.database import Database
from store.gate_results import list_gate_results
from store.nights import load_night
from tests.benchmarks.asks_back import ASKS, AsksBack, asking_points
from tests.benchmarks.planted_talk import Talk, anyone_talked, talk_a_day, talks_of

_ENOUGH_PAIRS = 64
_TWO_SIDED = 0.025
_DATE = "2026-01-01"


class _PlantedModels(NightModels):
    """The models of a night whose training evaluator is the rule."""

    def training_evaluator(self) -> Evaluator:
        return AsksBack()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answers:
    """What an adapter says to held-out lines: one case per line and draw."""

    points: tuple[Case, ...]
    asking: tuple[Case, ...]
    length: tuple[Case, ...]
    nats: tuple[Case, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    turns: int
    visitors: int
    draws: int
    held_out: int
    chat: Sampling
    training: PreferenceSettings


def _train(settings: Settings, card: Card, training: PreferenceSettings) -> Trainer:
    """The child process of a night, with hyper-parameters of choice."""

    def train(
        order: TrainingOrder, progress: Callable[[int, int | None], None]
    ) -> Mapping[str, object]:
        return run_training_child(
            TrainingJob(
                model=settings.model.name,
                models_folder=settings.models_folder,
                card_folder=card.folder,
                anchor_folder=order.anchor_folder,
                pairs=order.pairs,
                replay_pairs=order.replay_pairs,
                work_folder=order.work_folder,
                adapters_folder=settings.adapters_folder,
                lineage=order.lineage,
                settings=training,
                limits=ChildLimits(nice=0, threads=settings.night.threads or 1),
            ),
            lambda told: progress(told.step, told.steps),
            lambda: False,
        )

    return train


def _answers(
    engine: Engine, models: NightModels, card: Card, adapter: tuple[str, Path], plan: _Plan
) -> _Answers:
    rows = _held_out_rows(card, plan.held_out)
    topics = {row.id: row.topic for row in rows}
    chat = plan.chat
    drawing = CandidateSettings(
        temperatures=(chat.temperature,) * plan.draws,
        top_p=chat.top_p,
        top_k=chat.top_k,
        repetition_penalty=chat.repetition_penalty,
        max_new_tokens=chat.max_new_tokens,
    )
    name, folder = adapter
    if name not in engine.adapters():
        engine.add_adapter(name, folder)
    prompts = [
        Prompt(
            turn_id=row.id,
            turns=(*row.history, Message(role="user", content=row.user)),
            facts=row.facts,
        )
        for row in rows
    ]
    speaker = Speaker(card=card, adapter=name, night="held out")
    said = [one for lot in make_candidates(engine, speaker, prompts, drawing) for one in lot]

    def cases(value: Callable[[str], float]) -> tuple[Case, ...]:
        return tuple(
            Case(id=f"{one.turn_id}/{one.number}", topic=topics[one.turn_id], value=value(one.text))
            for one in said
        )

    validation = read_card_rows(card.folder, "validation")
    return _Answers(
        points=cases(asking_points),
        asking=cases(lambda text: float(asking_points(text) >= ASKS)),
        length=cases(lambda text: float(len(letters(text)))),
        nats=tuple(reply_nats(models.frozen_base, folder, card, validation)),
        texts=tuple(one.text for one in said),
    )


def _held_out_rows(card: Card, most: int) -> list[DialogueRow]:
    """Small talk of the splits that nothing was trained on."""
    return [
        row
        for row in read_card_rows(card.folder, "validation", "test")
        if row.kind in ("style", "multi")
    ][:most]


def _figures(before: _Answers, after: _Answers) -> dict[str, object]:
    def of(name: str) -> dict[str, object]:
        first: tuple[Case, ...] = getattr(before, name)
        second: tuple[Case, ...] = getattr(after, name)
        return {
            "before": _figure(estimate(first, alpha=_TWO_SIDED)),
            "after": _figure(estimate(second, alpha=_TWO_SIDED)),
            "gain": _figure(difference(second, first, alpha=_TWO_SIDED)),
        }

    nats = difference(after.nats, before.nats, alpha=_TWO_SIDED)
    level = estimate(before.nats, alpha=_TWO_SIDED).value
    return {
        "planted_reward": of("points"),
        "share_asking": of("asking"),
        "letters": of("length"),
        "perplexity": {
            "before": round(math.exp(level), 3),
            "after": round(math.exp(level + nats.value), 3),
            "ratio": [round(math.exp(one), 4) for one in (nats.value, nats.low, nats.high)],
        },
        "different_replies": [len(set(before.texts)), len(set(after.texts)), len(after.texts)],
        "examples": [
            {"before": first, "after": second}
            for first, second in list(zip(before.texts, after.texts, strict=True))[::40]
        ],
    }


def _figure(one: Clustered) -> dict[str, float | int]:
    return {name: round(value, 4) for name, value in asdict(one).items()}


def _night_facts(database: Database, outcome: NightOutcome) -> dict[str, object]:
    with database.reading() as session:
        night = load_night(session, _DATE)
        gates = list_gate_results(session, _DATE)
    steps = night.steps if night is not None else ()
    return {
        "status": outcome.status,
        "decision": outcome.decision,
        "minutes": {
            step.step: round((step.finished_at - step.started_at).total_seconds() / 60, 2)
            for step in steps
            if step.finished_at is not None
        },
        "details": {step.step: dict(step.detail) for step in steps if step.step != "gate"},
        "gates": [
            {"gate": one.gate, "passed": one.passed, "value": one.value, "bound": one.bound}
            for one in gates
        ],
    }


def _detail(facts: Mapping[str, object], step: str, name: str) -> object:
    details = facts["details"]
    assert isinstance(details, dict)
    return details.get(step, {}).get(name)


def _say(progress: StepProgress) -> None:
    of = f"/{progress.total}" if progress.total is not None else ""
    click.echo(
        f"{progress.position}/{progress.steps} {progress.step} {progress.done}{of}", err=True
    )


def prepared(home: Path, models: Path, threads: int) -> Settings:
    """A home whose base model is the one in `models`."""
    home.mkdir(parents=True, exist_ok=True)
    settings = load_settings(
        home,
        {"night": {"threads": threads, "single_user": "off"}, "engine": {"threads": threads}},
    )
    if not settings.models_folder.exists():
        settings.models_folder.symlink_to(models.expanduser().resolve())
    prepare_model(settings.model.name, settings.models_folder, lambda _stage, _share: None)
    return settings


def _talks(card: Card, plan: _Plan) -> list[Talk]:
    known = {row.user for row in _held_out_rows(card, plan.held_out)}
    rows = [row for row in read_card_rows(card.folder, "train") if row.user not in known]
    return talks_of(rows, plan.turns, plan.visitors)


def _measure(
    settings: Settings, models: NightModels, parts: NightParts, names: Sequence[str], plan: _Plan
) -> Iterator[_Answers]:
    for name in names:
        folder = settings.adapters_folder / name
        if not folder.is_dir():
            with parts.database.reading() as session:
                folder = Path(load_adapter(session, name).folder)
        yield _answers(models.engine(), models, parts.card, (name, folder), plan)


def run_planted(settings: Settings, plan: _Plan, min_pairs: int) -> dict[str, object]:
    """The whole benchmark as one JSON value."""
    card = chosen_card(settings)
    models = _PlantedModels(settings, card)
    parts = night_parts(settings, models, report=_say, should_stop=lambda: False)
    parts = replace(parts, train=_train(settings, card, plan.training))
    shipped = publish_shipped_adapter(parts.database, card, settings.adapters_folder)
    assert shipped is not None
    began = time.monotonic()
    if not anyone_talked(parts.database):
        engine = models.engine()
        engine.add_adapter(shipped.id, Path(shipped.folder))
        speaker = Speaker(card=card, adapter=shipped.id, night=_DATE)
        talk_a_day(parts.database, engine, speaker, _talks(card, plan), plan.chat)
    talked = time.monotonic()
    own = replace(night_settings(settings), min_pairs=min_pairs)
    outcome = run_night(parts, own, NightOrder(date=_DATE, owner="planted", again=True), {})
    facts = _night_facts(parts.database, outcome)
    trained = _detail(facts, "train", "adapter")
    if trained is None:
        return {"passed": False, "night": facts}
    measured = time.monotonic()
    before, after = _measure(settings, models, parts, [shipped.id, str(trained)], plan)
    models.close_engine()
    figures = _figures(before, after)
    gain = difference(after.points, before.points, alpha=_TWO_SIDED)
    worse = difference(after.nats, before.nats, alpha=_TWO_SIDED).value
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "passed": gain.low > 0
        and math.exp(worse) <= 1 + GateSettings().perplexity_rise
        and isinstance(pairs := _detail(facts, "train", "pairs"), int)
        and pairs >= _ENOUGH_PAIRS,
        "adapters": {"before": shipped.id, "after": trained},
        "training": asdict(plan.training),
        "held_out_lines": len(_held_out_rows(card, plan.held_out)),
        "figures": figures,
        "minutes_outside": {
            "talk": round((talked - began) / 60, 2),
            "held_out": round((time.monotonic() - measured) / 60, 2),
        },
        "night": facts,
    }


@click.command(help=__doc__)
@click.option("--home", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option(
    "--models", type=click.Path(path_type=Path), default=Path("~/.local/share/yogeiko/models")
)
@click.option("--turns", default=150, show_default=True, help="What visitors say in all.")
@click.option("--visitors", default=32, show_default=True)
@click.option("--draws", default=2, show_default=True, help="Replies to each held-out line.")
@click.option("--held-out", default=10_000, help="At most so many held-out lines.")
@click.option("--min-pairs", default=_ENOUGH_PAIRS, show_default=True)
@click.option("--learning-rate", default=PreferenceSettings().learning_rate, show_default=True)
@click.option("--epochs", default=PreferenceSettings().epochs, show_default=True)
@click.option("--threads", default=2, show_default=True)
def main(
    home: Path,
    models: Path,
    turns: int,
    visitors: int,
    draws: int,
    held_out: int,
    min_pairs: int,
    learning_rate: float,
    epochs: int,
    threads: int,
) -> None:
    logging.basicConfig(level=logging.INFO)
    settings = prepared(home, models, threads)
    plan = _Plan(
        turns=turns,
        visitors=visitors,
        draws=draws,
        held_out=held_out,
        chat=settings.chat.sampling(0),
        training=PreferenceSettings(learning_rate=learning_rate, epochs=epochs),
    )
    found = run_planted(settings, plan, min_pairs)
    click.echo(json.dumps(found, ensure_ascii=False, indent=2, default=str))
    sys.exit(0 if found["passed"] else 1)


if __name__ == "__main__":
    main()
