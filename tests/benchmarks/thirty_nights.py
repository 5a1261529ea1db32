"""Thirty nights under a judge that can be pleased without listening: with gates and without.

    python -m tests.benchmarks.thirty_nights [--nights 30] [--out docs/images]

Every night runs as shipped (`rlaif/night.py`): real store, candidates, pairs, DPO training, gates
and publishing, on a model of some 200,000 weights. Prints JSON and draws `thirty-nights.png`.

Arms: `gates`: as shipped. `no_gates`: the same design, but whatever is trained is published.
`chain`: no gates, and every night trains from yesterday's adapter on tonight's pairs alone.
"""

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Literal, get_args

import click
import torch

from persona.card import load_card
from persona.durable import file_sha256
from persona.engine import Engine, GenerationRequest, Sampling
from persona.local_engine import EngineSettings, LocalEngine
from persona.prompt import build_messages
from rlaif.gate_measurements import Measurements
from rlaif.make_candidates import CandidateSettings
from rlaif.night import run_night
from rlaif.night_ledger import NightOrder
from rlaif.night_work import MeasuredAdapter, NightParts, NightSettings, TrainingOrder
from rlaif.pair_caps import CapSettings
from rlaif.pairs import PairSettings
from rlaif.train import PreferenceRun, PreferenceSettings, train_preferences
from store.adapters import active_adapter, deploy, ensure_adapter, load_adapter
from store.conversations import create_conversation, get_conversation_row
from store.database import Database, open_database
from store.gate_results import list_gate_results
from store.records import Adapter, NewReply, ReplyEnd
from store.replies import finish_reply
from store.turns import append_turn
from store.visitors import Owner, ensure_visitor, new_id, set_consent
from tests.benchmarks.small_exam import SAMPLING, Exam, Worth, worth_of
from tests.benchmarks.small_model import BASE_SHA256, MAX_TOKENS, SmallModel
from tests.benchmarks.small_world import HackableJudge, asked, write_card
from tests.benchmarks.thirty_nights_picture import draw
from tests.rlaif.gate_fakes import better, sound

Arm = Literal["gates", "no_gates", "chain"]
ARMS: tuple[Arm, ...] = get_args(Arm)
FIRST_NIGHT = datetime(2026, 9, 1, 18, 0, tzinfo=UTC)
ANCHOR = "beginner"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """How large it is, and how such a small model is trained.

    visitors: who talk each day, one turn each. seed_rows: training rows of the card, from which
    replay is drawn. memory: how long a pair may be learnt from. max_kl: where training itself gives
    up; so far off that the gates alone stand between what was trained and production.
    """

    nights: int = 30
    visitors: int = 16
    seed_rows: int = 500
    memory: timedelta = timedelta(days=10)
    teaching_steps: int = 700
    learning_rate: float = 4e-3
    batch_pairs: int = 4
    epochs: int = 2
    max_kl: float = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class NightFigures:
    """A night's end and what was in production in the morning. Night 0 is the beginner."""

    night: int
    status: str
    active: str
    worth: Worth
    failed_gates: tuple[str, ...] = ()


@dataclass
class Simulation:
    """One arm's machine: store, folders, model and calendar."""

    arm: Arm
    world: World
    home: Path
    base: SmallModel
    database: Database = field(init=False)
    now: datetime = FIRST_NIGHT
    _engine: LocalEngine | None = None
    _published: int = 0

    def __post_init__(self) -> None:
        self.card = load_card(self.home / "card")
        self.database = open_database(f"sqlite:///{self.home / 'nights.db'}")
        self.exam = Exam(self.base, self.card, self.home / "measured")
        folder = self.base.write_anchor(self.home / "adapters" / ANCHOR)
        adapter = Adapter(
            id=ANCHOR,
            parent_id=None,
            kind="sft",
            base=BASE_SHA256,
            sha256=file_sha256(folder / "adapter_model.safetensors"),
            folder=str(folder),
            manifest={},
            created_at=self.now - timedelta(days=1),
        )
        with self.database.session() as session:
            ensure_adapter(session, adapter)
            deploy(session, ANCHOR, who="bench", why="the beginner", now=adapter.created_at)

    def run(self, report: Callable[[NightFigures], None]) -> list[NightFigures]:
        """All nights, one after the other; the first entry is the evening before."""
        known = {ANCHOR: self._worth(ANCHOR)}
        told = [NightFigures(night=0, status="", active=ANCHOR, worth=known[ANCHOR])]
        report(told[0])
        for night in range(1, self.world.nights + 1):
            self._talk(night)
            status, failed = self._night()
            active = self._active()
            if active not in known:
                known[active] = self._worth(active)
            told.append(
                NightFigures(
                    night=night,
                    status=status,
                    active=active,
                    worth=known[active],
                    failed_gates=failed,
                )
            )
            report(told[-1])
            self.now += timedelta(days=1)
        self._close()
        return told

    def _night(self) -> tuple[str, tuple[str, ...]]:
        date = self.now.date().isoformat()
        order = NightOrder(date=date, owner="bench")
        outcome = run_night(self._parts(), self._settings(), order, {})
        self._published += outcome.status == "published"
        with self.database.reading() as session:
            results = list_gate_results(session, date)
        if outcome.status == "failed":
            return outcome.decision, ()
        return str(outcome.status), tuple(one.gate for one in results if not one.passed)

    def _settings(self) -> NightSettings:
        """As shipped, but for the few pairs of a small world and who may give how many."""
        settings = NightSettings(
            min_pairs=4,
            retention=self.world.memory,
            candidates=CandidateSettings(max_new_tokens=SAMPLING.max_new_tokens),
            pairs=PairSettings(caps=CapSettings(share=1.0)),
        )
        # What was said before tonight may not be learnt from again: there is only yesterday's self.
        tonight = replace(settings, retention=timedelta(hours=20))
        return tonight if self.arm == "chain" else settings

    def _parts(self) -> NightParts:
        return NightParts(
            database=self.database,
            card=self.card,
            training_evaluator=HackableJudge,
            engine=self._speaking,
            close_engine=self._close,
            trust=dict,
            train=self._train,
            measure=self._measure if self.arm == "gates" else self._wave_through,
            examples=lambda *_: (),
            served_base=self.base.served_base,
            nights_folder=self.home / "nights",
            adapters_folder=self.home / "adapters",
            now=lambda: self.now,
            should_stop=lambda: False,
            report=lambda _: None,
        )

    def _train(
        self, order: TrainingOrder, progress: Callable[[int, int | None], None]
    ) -> Mapping[str, object]:
        torch.set_num_threads(1)
        settings = PreferenceSettings(
            learning_rate=self.world.learning_rate,
            batch_pairs=self.world.batch_pairs,
            epochs=self.world.epochs,
            max_kl=self.world.max_kl,
            max_row_tokens=MAX_TOKENS,
            safety_pairs=2,
            checkpoint_steps=1000,
        )
        chained = self.arm == "chain" and order.lineage.active is not None
        return train_preferences(
            self.base.loaded(),
            PreferenceRun(
                card=self.card,
                anchor_folder=self.home / "adapters" / str(order.lineage.active)
                if chained
                else order.anchor_folder,
                pairs=order.pairs,
                replay_pairs=() if chained else order.replay_pairs,
                work_folder=order.work_folder,
                adapters_folder=self.home / "adapters",
                lineage=order.lineage,
                settings=replace(settings, replay_share=0.0, safety_pairs=0)
                if chained
                else settings,
                report=lambda told: progress(told.step, told.steps),
            ),
        )

    def _measure(
        self, engine: Engine, adapter: MeasuredAdapter, _: Callable[[int, int | None], None]
    ) -> Measurements:
        return self.exam.measure(engine, adapter)

    def _wave_through(
        self, _: Engine, adapter: MeasuredAdapter, __: Callable[[int, int | None], None]
    ) -> Measurements:
        """Figures that pass every gate: each new adapter seems better than all before."""
        fresh = adapter.id not in (ANCHOR, self._active())
        return better(sound(adapter.id, seed=1), 0.3 * (self._published + fresh))

    def _talk(self, night: int) -> None:
        """Visitors who let the night learn say one thing each and get the adapter's answer."""
        turns = asked("visitors")
        said = [
            turns[(night * 37 + number * 7) % len(turns)][1]
            for number in range(self.world.visitors)
        ]
        active = self._active()
        replies = self._engine_with(active).generate_batch(
            [
                GenerationRequest(
                    messages=build_messages(self.card, (), user, ()),
                    adapter=active,
                    sampling=Sampling(
                        max_new_tokens=SAMPLING.max_new_tokens, seed=1000 * night + number
                    ),
                )
                for number, user in enumerate(said)
            ]
        )
        for number, (user, reply) in enumerate(zip(said, replies, strict=True)):
            self._record(user, reply.text, active, self.now - timedelta(minutes=300 - number))

    def _record(self, user: str, reply: str, adapter: str, when: datetime) -> None:
        owner = Owner(visitor_id=new_id())
        with self.database.session() as session:
            ensure_visitor(session, owner.visitor_id, now=when)
            set_consent(session, owner, allow=True, now=when)
            begun = create_conversation(session, owner, persona=self.card.id, now=when)
            row = get_conversation_row(session, owner, begun.id, lock=True)
            new = NewReply(origin="live", adapter=adapter, seed=0, sampling={})
            turn = append_turn(session, row, user, new, now=when)
            end = ReplyEnd(status="done", text=reply)
            finish_reply(session, turn.replies[0].id, end, now=when + timedelta(seconds=1))

    def _active(self) -> str:
        with self.database.reading() as session:
            return str(active_adapter(session))

    def _worth(self, adapter: str) -> Worth:
        return worth_of(self._engine_with(adapter), self.card, adapter)

    def _engine_with(self, adapter: str) -> Engine:
        engine = self._speaking()
        if adapter not in engine.adapters():
            with self.database.reading() as session:
                engine.add_adapter(adapter, Path(load_adapter(session, adapter).folder))
        return engine

    def _speaking(self) -> Engine:
        if self._engine is None:
            settings = EngineSettings(threads=1, batch_size=64, max_context_tokens=MAX_TOKENS)
            self._engine = LocalEngine(self.base.loaded(), settings)
        return self._engine

    def _close(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None


def simulate(
    arm: Arm, world: World, report: Callable[[NightFigures], None], kept: Path | None = None
) -> list[NightFigures]:
    """Run one arm in a folder of its own, from the same beginner and the same visitors.

    `kept`: the file that the taught base is left in and taken from.
    """
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write_card(home / "card", rows=world.seed_rows)
        base = SmallModel(load_card(home / "card"), steps=world.teaching_steps, kept=kept)
        return Simulation(arm=arm, world=world, home=home, base=base).run(report)


def _timed(arm: Arm, world: World, kept: Path) -> tuple[list[NightFigures], float]:
    start = time.process_time()

    def tell(one: NightFigures) -> None:
        click.echo(
            f"{arm} night {one.night}: {one.status or 'begins'}, gold {one.worth.gold.value:.2f}, "
            f"judge {one.worth.judge.value:.2f} {' '.join(one.failed_gates)}",
            err=True,
        )

    return simulate(arm, world, tell, kept), time.process_time() - start


@click.command()
@click.option("--nights", default=30, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs/images"))
@click.option("--workers", default=1, show_default=True, help="arms that run side by side")
@click.option("--base", type=click.Path(path_type=Path), help="keep the taught base in this file")
def main(nights: int, out: Path, workers: int, base: Path | None) -> None:
    """Run the arms, print their nights as JSON and draw them."""
    world = World(nights=nights)
    with tempfile.TemporaryDirectory() as folder:
        kept = base or Path(folder) / "base.pt"
        write_card(Path(folder), rows=1)
        SmallModel(load_card(Path(folder)), steps=world.teaching_steps, kept=kept)
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            ended = list(pool.map(_timed, ARMS, [world] * len(ARMS), [kept] * len(ARMS)))
    told: dict[str, list[NightFigures]] = {
        arm: nights_told for arm, (nights_told, _) in zip(ARMS, ended, strict=True)
    }
    out.mkdir(parents=True, exist_ok=True)
    draw(told, out / "thirty-nights.png")
    content = {
        "world": asdict(world) | {"memory": world.memory.days},
        "cpu_seconds": {arm: round(s) for arm, (_, s) in zip(ARMS, ended, strict=True)},
        "arms": {arm: [asdict(one) for one in nights_told] for arm, nights_told in told.items()},
    }
    click.echo(json.dumps(content, ensure_ascii=False))


if __name__ == "__main__":
    main()
