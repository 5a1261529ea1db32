"""What a night is made of, bound from the settings; models load when they are first asked for."""

import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cached_property, partial

from app.clock import utc_now
from app.composition import chosen_card, engine_settings, load_base, served_base
from app.night_service import night_memory_bytes, night_threads
from app.server import is_loopback
from app.settings import NightSettings as NightSection
from app.settings import Settings
from persona.base_model import LoadedModel
from persona.card import Card
from persona.dialogues import read_card_rows
from persona.engine import Engine
from persona.local_engine import LocalEngine
from persona.retrieval import load_embedder
from persona.sft import data_sha256
from rlaif.embedded_evaluator import load_embedded_evaluator
from rlaif.evaluator import Assessment, Dialogue, Evaluator
from rlaif.fed_evaluator import FedEvaluator
from rlaif.follow_ups import load_calibration, load_follow_ups
from rlaif.gate_measurements import Measurements
from rlaif.judge_client import JudgeClient, JudgeSettings
from rlaif.judge_evaluator import JudgeEvaluator
from rlaif.make_candidates import CandidateSettings
from rlaif.measure import HeldOut, MeasureSetup, Scorer, measure
from rlaif.metrics import METRIC_KEYS
from rlaif.night_work import (
    MeasuredAdapter,
    NightParts,
    NightSettings,
    StepProgress,
    TrainingOrder,
)
from rlaif.pair_caps import CapSettings
from rlaif.pairs import PairSettings
from rlaif.penalties import text_facts
from rlaif.perplexity import reply_nats
from rlaif.probes import read_gate_probes
from rlaif.reward import RewardSettings, reward_of
from rlaif.run_child import run_training_child
from rlaif.training_job import ChildLimits, TrainingJob
from rlaif.trust import PairedReview, TrustSettings, trust_weights
from store.database import Database, open_database
from store.reviews import paired_reviews

_CAREFUL, _BOLD = 0.4, 1.1


class NightModels:
    """The models of one night: the one that speaks, and the frozen one that evaluators read."""

    def __init__(self, settings: Settings, card: Card) -> None:
        self._settings = settings
        self._card = card
        self._engine: LocalEngine | None = None
        self._evaluators: dict[str, Evaluator] = {}

    def engine(self) -> Engine:
        """The speaking model, loaded when needed."""
        if self._engine is None:
            self._engine = LocalEngine(load_base(self._settings), engine_settings(self._settings))
        return self._engine

    def close_engine(self) -> None:
        """Free the speaking model."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def training_evaluator(self) -> Evaluator:
        """The one that picks pairs."""
        return self._evaluator(self._settings.night.training_evaluator)

    def gate_evaluator(self) -> Evaluator:
        """The one of another kind that only gates."""
        return self._evaluator(self._settings.night.gate_evaluator)

    @cached_property
    def frozen_base(self) -> LoadedModel:
        """The base without any adapter; evaluators only read it, one at a time."""
        return load_base(self._settings)

    def _evaluator(self, kind: str) -> Evaluator:
        if kind not in self._evaluators:
            self._evaluators[kind] = self._make(kind)
        return self._evaluators[kind]

    def _make(self, kind: str) -> Evaluator:
        if kind == "embedded":
            embedder = load_embedder(self._settings.model.embedder)
            return load_embedded_evaluator(self.frozen_base, embedder, self._card)
        if kind == "fed":
            return FedEvaluator(self.frozen_base, load_follow_ups(), load_calibration())
        return JudgeEvaluator(JudgeClient(_judge_settings(self._settings.night)), self._card)


def night_settings(settings: Settings) -> NightSettings:
    """The night's own settings out of the application's."""
    night = settings.night
    return NightSettings(
        retention=timedelta(days=settings.consent.retention_days),
        approval=night.approval,
        deadline=timedelta(hours=night.deadline_hours),
        min_pairs=night.min_pairs,
        candidates=CandidateSettings(temperatures=_temperatures(night.candidates)),
        reward=RewardSettings(weights=night.metrics),
        pairs=PairSettings(caps=CapSettings(single_user=_single_user(settings))),
    )


def night_parts(
    settings: Settings,
    models: NightModels,
    *,
    report: Callable[[StepProgress], None],
    should_stop: Callable[[], bool],
) -> NightParts:
    """Bind a night to the settings' store, card and models."""
    card = chosen_card(settings)
    database = open_database(settings.database_url)
    trust = _trust(database, models)

    def train(
        order: TrainingOrder, progress: Callable[[int, int | None], None]
    ) -> Mapping[str, object]:
        return run_training_child(
            _job(settings, card, order),
            lambda told: progress(told.step, told.steps),
            should_stop,
        )

    def measure_one(
        engine: Engine, adapter: MeasuredAdapter, progress: Callable[[int, int | None], None]
    ) -> Measurements:
        rows = read_card_rows(card.folder, "validation")
        setup = MeasureSetup(
            card=card,
            probes=read_gate_probes(card.folder),
            training=Scorer(
                evaluator=models.training_evaluator(),
                value=partial(_reward_total, card, night_settings(settings), trust),
            ),
            gate=Scorer(evaluator=models.gate_evaluator()),
            held_out=HeldOut(
                key=data_sha256(rows),
                nats=lambda: reply_nats(models.frozen_base, adapter.folder, card, rows),
            ),
            cache_folder=settings.cache_folder / "gates",
            sampling=settings.chat.sampling(0),
            report=lambda _stage, done, total: progress(done, total),
        )
        return measure(engine, adapter.id, setup)

    return NightParts(
        database=database,
        card=card,
        training_evaluator=models.training_evaluator,
        engine=models.engine,
        close_engine=models.close_engine,
        trust=trust,
        train=train,
        measure=measure_one,
        served_base=lambda: served_base(settings),
        nights_folder=settings.nights_folder,
        adapters_folder=settings.adapters_folder,
        now=utc_now,
        should_stop=should_stop,
        report=report,
    )


def _job(settings: Settings, card: Card, order: TrainingOrder) -> TrainingJob:
    return TrainingJob(
        model=settings.model.name,
        models_folder=settings.models_folder,
        card_folder=card.folder,
        anchor_folder=order.anchor_folder,
        pairs=order.pairs,
        replay_pairs=order.replay_pairs,
        work_folder=order.work_folder,
        adapters_folder=settings.adapters_folder,
        lineage=order.lineage,
        limits=ChildLimits(
            threads=night_threads(settings.night),
            memory_bytes=night_memory_bytes(settings.night),
        ),
        quantization=settings.model.quantization,
    )


def _trust(database: Database, models: NightModels) -> dict[str, float]:
    """Each metric's weight by the operators' reviews of what the training evaluator scored."""
    evaluator = models.training_evaluator().id
    now = utc_now()
    with database.reading() as session:
        reviews = {
            key: [
                PairedReview(operator=operator, evaluator=own, at=at)
                for operator, own, at in paired_reviews(
                    session, key, evaluator, now - TrustSettings().window
                )
            ]
            for key in METRIC_KEYS
        }
    return {key: one.weight for key, one in trust_weights(reviews, TrustSettings(), now).items()}


def _temperatures(count: int) -> tuple[float, ...]:
    """`count` temperatures from careful to bold."""
    return tuple(round(_CAREFUL + (_BOLD - _CAREFUL) * at / (count - 1), 2) for at in range(count))


def _single_user(settings: Settings) -> bool:
    """Whether one person may give all pairs: by default where only this machine can connect."""
    wanted = settings.night.single_user
    if wanted != "auto":
        return wanted == "on"
    return is_loopback(settings.server.host)


def _reward_total(
    card: Card,
    plan: NightSettings,
    trust: Mapping[str, float],
    dialogue: Dialogue,
    assessment: Assessment,
) -> float:
    """What the night would reward, guards included."""
    found = text_facts(dialogue, card, plan.penalties)
    return reward_of(assessment, found, plan.reward, trust).total


def _judge_settings(night: NightSection) -> JudgeSettings:
    return JudgeSettings(
        base_url=night.judge_url,
        model=night.judge_model,
        api_key=os.environ.get(night.judge_key_env, "") if night.judge_key_env else "",
    )
