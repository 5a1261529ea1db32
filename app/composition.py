"""Where settings become objects: the only place that knows which parts the chat is built of."""

import sys
from dataclasses import fields
from datetime import timedelta
from functools import partial
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.orm import Session

from app.brain_slot import BrainSlot
from app.chat_service import ChatService
from app.clock import utc_now
from app.errors import SettingsError
from app.night_service import NightService, night_memory_bytes
from app.personal_chore import PersonalChore
from app.settings import Settings
from app.speaker import Brain, Speaker
from app.watch_service import WatchParts, WatchService
from persona.adapter_folder import MANIFEST
from persona.base_model import (
    LoadedModel,
    LoadOptions,
    base_sha256,
    is_prepared,
    load_model,
    prepare_model,
)
from persona.card import SHIPPED_CARD, Card, load_card
from persona.errors import ModelError
from persona.gguf_convert import Progress
from persona.linear_shapes import shapes_on_disk
from persona.local_engine import EngineSettings, LocalEngine
from persona.prompt import build_messages
from persona.retrieval import FactIndex, load_embedder
from persona.safety import check_reply, check_user_text, deflection
from rlaif.embedded_heads import MANIFEST as HEADS_MANIFEST
from rlaif.embedded_heads import SHIPPED_HEADS, evaluator_id_on_disk
from rlaif.publish import ServedBase, place_folder, read_record, verify_registered
from rlaif.watch_sample import SampleSettings
from scheduler.errand import ErrandSettings
from store.adapters import (
    active_adapter,
    deploy,
    ensure_adapter,
    list_deployments,
    load_adapter,
)
from store.database import Database, open_database
from store.records import Adapter

_SHIPPED_BY = "yogeiko"


def chosen_card(settings: Settings, folder: Path | None = None) -> Card:
    """The card in `folder`, else the settings' card, else the shipped persona."""
    return load_card(folder or settings.chat.card or SHIPPED_CARD)


def load_base(settings: Settings, progress: Progress | None = None) -> LoadedModel:
    """Load the base model that the settings name."""
    options = LoadOptions(quantization=settings.model.quantization)
    return load_model(settings.model.name, settings.models_folder, options, progress)


def engine_settings(settings: Settings) -> EngineSettings:
    """The [engine] section, checked; texts of the environment become numbers.

    Raises SettingsError naming the key.
    """
    known = [field.name for field in fields(EngineSettings)]
    for key in settings.engine:
        if key not in known:
            raise SettingsError(
                f"engine.{key} is not a setting; expected one of {', '.join(known)}"
            )
    try:
        return TypeAdapter(EngineSettings).validate_python(settings.engine)
    except ValidationError as error:
        fault = error.errors()[0]
        message = fault["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        if not fault["loc"]:
            raise SettingsError(f"engine.{message}; correct it in [engine]") from error
        raise SettingsError(
            f"engine.{fault['loc'][0]} is {fault['input']!r}; expected {message}; "
            "correct it in [engine]"
        ) from error


def existing_heads(settings: Settings) -> Path:
    """The evaluator's heads fitted on this machine, else the shipped ones."""
    own = settings.heads_folder
    return own if (own / HEADS_MANIFEST).is_file() else SHIPPED_HEADS


def build_index(settings: Settings) -> FactIndex:
    """An index without facts yet; its vectors are cached under home."""
    return FactIndex(load_embedder(settings.model.embedder), settings.cache_folder)


def build_speaker(card: Card) -> Speaker:
    """What the chat needs of a card."""
    return Speaker(
        id=card.id,
        name=card.name,
        reading=card.reading,
        greeting=card.greeting,
        facts=card.facts,
        compose=partial(build_messages, card),
        check_user_text=check_user_text,
        check_reply=check_reply,
        deflection=deflection,
    )


def build_brain(settings: Settings, card: Card) -> Brain:
    """Load model and index; takes seconds."""
    checked = engine_settings(settings)
    index = build_index(settings)
    index.update(card.facts)
    loaded = load_base(settings)
    return Brain(engine=LocalEngine(loaded, checked), facts=index, base_sha256=loaded.sha256)


def build_chat(settings: Settings) -> ChatService:
    """The chat over the settings' store and model; the model loads when it is started."""
    engine_settings(settings)
    card = chosen_card(settings)
    database = open_database(settings.database_url)
    publish_shipped_adapter(database, card, settings.adapters_folder)
    return ChatService(
        database=database,
        speaker=build_speaker(card),
        brain=BrainSlot(partial(build_brain, settings, card)),
        settings=settings,
    )


def served_base(settings: Settings) -> ServedBase:
    """What adapters must fit: the prepared base model's digest and shapes; no weights are loaded.

    Raises ModelError when it is not prepared.
    """
    spec = settings.model.name
    if not is_prepared(spec, settings.models_folder):
        raise ModelError(
            f"the base model {spec} is not prepared in {settings.models_folder}, so that no adapter "
            "can be compared with it; run `yogeiko model prepare`"
        )
    source = prepare_model(spec, settings.models_folder, lambda _stage, _share: None)
    return ServedBase(sha256=base_sha256(spec, source), shapes=shapes_on_disk(source))


def build_night(settings: Settings, chat: ChatService) -> NightService:
    """The clock of the nights over the chat's store, and the watch over the adapter in use."""
    watch = WatchService(chat.database, watch_parts(settings))
    personal = PersonalChore(chat.database)
    return NightService(
        settings, chat.database, chores=(watch.look, personal.look), closing=(watch.close,)
    )


def watch_parts(settings: Settings) -> WatchParts:
    """What the same-day watch works with: the night's embedded evaluator, in another process."""

    def check(adapter: Adapter) -> None:
        verify_registered(adapter, served_base(settings))

    return WatchParts(
        evaluator=lambda: evaluator_id_on_disk(existing_heads(settings)),
        check=check,
        scoring=ErrandSettings(
            command=[sys.executable, "-m", "app.watch_child", str(settings.home)],
            log=settings.home / "watch.log",
            memory_bytes=night_memory_bytes(settings.night),
            environment={"YOGEIKO_SERVER_HOST": settings.server.host},
        ),
        sample=SampleSettings(retention=timedelta(days=settings.consent.retention_days)),
    )


def publish_shipped_adapter(
    database: Database, card: Card, adapters_folder: Path
) -> Adapter | None:
    """Keep the adapter that comes with the card, and put it into production on a new store.

    A copy stays under `adapters_folder`, so that a newer release does not take the weights away from
    adapters that descend from an older one. A newer shipped adapter replaces an older shipped one;
    what an operator or a night chose is left alone. Returns it, or None when the card ships none.
    """
    shipped = card.folder / "adapter"
    if not (shipped / MANIFEST).is_file():
        return None
    adapter = adapter_record(place_folder(shipped, adapters_folder))
    with database.session() as session:
        ensure_adapter(session, adapter)
        if _is_outdated(session, adapter):
            deploy(session, adapter.id, who=_SHIPPED_BY, why="shipped with the card", now=utc_now())
    return adapter


def _is_outdated(session: Session, shipped: Adapter) -> bool:
    """Whether nothing is in production, or an older shipped adapter of the same card."""
    active = active_adapter(session)
    if active is None or active == shipped.id:
        return active is None
    newest = list_deployments(session)[0]
    same_card = load_adapter(session, active).manifest.get("card") == shipped.manifest.get("card")
    return newest.who == _SHIPPED_BY and same_card


def adapter_record(folder: Path) -> Adapter:
    """What the store keeps of a trained adapter's folder. Raises AdapterError."""
    return read_record(folder, now=utc_now())
