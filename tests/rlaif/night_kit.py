"""A whole night on a tiny model: real store, engine and training; scripted evaluator and probes."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import torch

from persona.adapter_folder import WEIGHTS
from persona.card import SHIPPED_CARD, load_card
from persona.durable import file_sha256
from persona.engine import Engine
from persona.local_engine import EngineSettings, LocalEngine
from rlaif.evaluator import (
    Assessment,
    Dialogue,
    Evaluator,
    EvaluatorKind,
    PairJudge,
    Unscored,
)
from rlaif.gate_measurements import Measurements
from rlaif.make_candidates import CandidateSettings
from rlaif.metrics import METRIC_KEYS
from rlaif.night_work import (
    MeasuredAdapter,
    NightParts,
    NightSettings,
    StepProgress,
    TrainingOrder,
)
from rlaif.pair_caps import CapSettings
from rlaif.pair_proposals import ProposalSettings
from rlaif.pairs import PairSettings
from rlaif.publish import ServedBase
from rlaif.train import PreferenceRun, PreferenceSettings, train_preferences
from rlaif.trust import MetricTrust
from store.adapters import deploy, ensure_adapter
from store.database import Database
from store.records import Adapter
from store.visitors import Owner, set_consent
from tests.persona.tiny_model import BASE_SHA256, tiny_loaded, write_adapter
from tests.rlaif.gate_fakes import better, sound
from tests.store.talk import begin, exchange

EVENING = datetime(2026, 9, 24, 12, 0, tzinfo=UTC)
NIGHT = datetime(2026, 9, 24, 18, 0, tzinfo=UTC)
DATE = "2026-09-25"
_WORDS = ("ねこ", "いぬ", "ほん", "うみ", "やま", "そら", "はな", "ゆき", "つき", "かぜ")


@dataclass(frozen=True, slots=True)
class FixedEvaluator:
    """Likes replies by their digest: always the same, no model needed."""

    id: str = "fixed-1"
    kind: EvaluatorKind = "judge"
    fails_on: frozenset[str] = frozenset()
    asked: list[Dialogue] = field(default_factory=list)

    def assess(
        self, dialogues: Sequence[Dialogue], report: Callable[[int], None] | None = None
    ) -> list[Assessment | Unscored]:
        self.asked.extend(dialogues)
        return [self._one(dialogue) for dialogue in dialogues]

    def _one(self, dialogue: Dialogue) -> Assessment | Unscored:
        if dialogue.reply in self.fails_on:
            return Unscored(reason="no verdict")
        value = hashlib.sha256(dialogue.reply.encode()).digest()[0] / 25.6
        return Assessment(values=dict.fromkeys(METRIC_KEYS, value), spread={})


@dataclass
class Bench:
    """The machine of a night, with switches for what is to go wrong."""

    database: Database
    home: Path
    evaluator: Evaluator = field(default_factory=FixedEvaluator)
    now: datetime = NIGHT
    better: bool = True
    stop_after: str | None = None
    told: list[StepProgress] = field(default_factory=list)
    trainings: int = 0
    trust: Callable[[], dict[str, MetricTrust]] = dict
    measured_with: list[Mapping[str, float]] = field(default_factory=list)
    pair_judge: PairJudge | None = None
    _engine: LocalEngine | None = None

    def parts(self) -> NightParts:
        return NightParts(
            database=self.database,
            card=load_card(SHIPPED_CARD),
            training_evaluator=lambda: self.evaluator,
            engine=self._speaking,
            close_engine=self._close,
            trust=self.trust,
            train=self._train,
            measure=self._measure,
            examples=lambda _engine, _before, _after: [],
            served_base=served_base,
            nights_folder=self.home / "nights",
            adapters_folder=self.home / "adapters",
            now=lambda: self.now,
            should_stop=self._should_stop,
            report=self.told.append,
            pair_judge=lambda: self.pair_judge,
        )

    def _speaking(self) -> Engine:
        if self._engine is None:
            self._engine = LocalEngine(tiny_loaded(), EngineSettings(threads=1))
        return self._engine

    def _close(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def _train(
        self, order: TrainingOrder, progress: Callable[[int, int | None], None]
    ) -> Mapping[str, object]:
        self.trainings += 1
        torch.set_num_threads(1)
        return train_preferences(
            tiny_loaded(),
            PreferenceRun(
                card=load_card(SHIPPED_CARD),
                anchor_folder=order.anchor_folder,
                pairs=order.pairs,
                replay_pairs=order.replay_pairs,
                work_folder=order.work_folder,
                adapters_folder=self.home / "adapters",
                lineage=order.lineage,
                settings=order.settings,
                report=lambda told: progress(told.step, told.steps),
            ),
        )

    def _measure(
        self, engine: Engine, adapter: MeasuredAdapter, progress: Callable[[int, int | None], None]
    ) -> Measurements:
        progress(1, 1)
        self.measured_with.append(adapter.trust)
        measured = sound(adapter.id, seed=1)
        fresh = "-night-" in adapter.id
        return better(measured) if fresh and self.better else measured

    def _should_stop(self) -> bool:
        return bool(self.told) and self.told[-1].step == self.stop_after


def served_base() -> ServedBase:
    model = tiny_loaded().model
    shapes = {
        name: (module.out_features, module.in_features)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear)
    }
    return ServedBase(sha256=BASE_SHA256, shapes=shapes)


def settings() -> NightSettings:
    """Few and any pairs: the tiny model babbles."""
    return NightSettings(
        min_pairs=4,
        training=PreferenceSettings(max_row_tokens=2000, safety_pairs=1),
        candidates=CandidateSettings(temperatures=(0.7, 1.2), max_new_tokens=12),
        pairs=PairSettings(
            proposal=ProposalSettings(
                night_bar=0.0, margin=0.01, length_tolerance=9.0, penalty_limit=10.0
            ),
            caps=CapSettings(share=1.0),
        ),
    )


def install_anchor(database: Database, home: Path) -> str:
    """Put a supervised adapter into production."""
    folder = write_adapter(home / "adapters" / "anchor", seed=3)
    adapter = Adapter(
        id="anchor",
        parent_id=None,
        kind="sft",
        base=BASE_SHA256,
        sha256=file_sha256(folder / WEIGHTS),
        folder=str(folder),
        manifest={},
        created_at=EVENING,
    )
    with database.session() as session:
        ensure_adapter(session, adapter)
        deploy(session, "anchor", who="test", why="the first", now=EVENING)
    return "anchor"


def talk_a_day(database: Database, people: int = 6, *, start: datetime = EVENING) -> list[Owner]:
    """Visitors who let the night learn, each with two turns."""
    owners = []
    for person in range(people):
        when = start + timedelta(minutes=10 * person)
        with database.session() as session:
            owner, conversation = begin(session, now=when)
            set_consent(session, owner, allow=True, now=when)
            for turn in range(2):
                word = _WORDS[(person + 3 * turn) % len(_WORDS)]
                exchange(
                    session,
                    owner,
                    conversation,
                    (f"{word}がすき{person}", f"{word}はよいものですわ。{person}{turn}"),
                    when + timedelta(minutes=turn + 1),
                )
        owners.append(owner)
    return owners


def without(settings_: NightSettings, **changes: object) -> NightSettings:
    """The settings with some changed."""
    return replace(settings_, **changes)  # type: ignore[arg-type]
