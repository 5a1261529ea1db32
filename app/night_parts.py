"""What a night is made of, bound from the settings."""

from collections.abc import Callable, Mapping

from app.clock import utc_now
from app.composition import chosen_card, publish_shipped_adapter, served_base
from app.evaluator_trust import evaluator_trust
from app.night_gates import NightGates
from app.night_models import NightModels
from app.night_service import night_memory_bytes, night_threads
from app.settings import Settings
from persona.base_model import prepare_model
from persona.card import Card
from rlaif.night_work import (
    NightParts,
    StepProgress,
    TrainingOrder,
)
from rlaif.run_child import run_training_child
from rlaif.training_job import ChildLimits, TrainingJob
from rlaif.trust import MetricTrust
from store.database import Database, open_database


def night_parts(
    settings: Settings,
    models: NightModels,
    *,
    report: Callable[[StepProgress], None],
    should_stop: Callable[[], bool],
) -> NightParts:
    """Bind a night to the settings' store, card and models; none of them loads yet."""
    card = chosen_card(settings)
    database = open_database(settings.database_url)

    def trust() -> dict[str, MetricTrust]:
        return evaluator_trust(
            database, models.training_evaluator().id, models.reviews_learnt_until(), utc_now()
        )

    def train(
        order: TrainingOrder, progress: Callable[[int, int | None], None]
    ) -> Mapping[str, object]:
        return run_training_child(
            _job(settings, card, order),
            lambda told: progress(told.step, told.steps),
            should_stop,
        )

    gates = NightGates(settings, database, models)
    return NightParts(
        database=database,
        card=card,
        training_evaluator=models.training_evaluator,
        engine=models.engine,
        close_engine=models.close_engine,
        trust=trust,
        train=train,
        measure=gates.measure,
        examples=gates.examples,
        served_base=lambda: served_base(settings),
        nights_folder=settings.nights_folder,
        adapters_folder=settings.adapters_folder,
        now=utc_now,
        should_stop=should_stop,
        report=report,
        pair_judge=models.pair_judge,
        prepare=lambda: _prepare(settings, database, card),
    )


def _prepare(settings: Settings, database: Database, card: Card) -> None:
    """What a first night on a fresh machine needs: the model on disk, an adapter in production."""
    prepare_model(settings.model.name, settings.models_folder, lambda _stage, _share: None)
    publish_shipped_adapter(database, card, settings.adapters_folder)


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
        settings=order.settings,
        limits=ChildLimits(
            threads=night_threads(settings.night),
            memory_bytes=night_memory_bytes(settings.night),
        ),
        quantization=settings.model.quantization,
    )
