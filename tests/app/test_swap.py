"""A night publishes while people chat: nobody's reply changes, newcomers get the new adapter."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.brain_slot import BrainSlot
from app.chat_service import ChatService
from app.clock import utc_now
from app.server import create_app
from app.settings import load_settings
from app.speaker import Brain
from persona.linear_shapes import linear_shapes
from persona.local_engine import EngineSettings, LocalEngine
from rlaif.publish import Publication, ServedBase, publish, rollback, verify_adapter
from store.adapters import active_adapter, list_adapters
from store.database import Database, open_database
from store.lineage import taint
from store.records import Adapter
from tests.app.house import (
    ORIGIN,
    ROOMY,
    House,
    exchange,
    follow,
    say,
    start_conversation,
    wait_until,
)
from tests.fakes import FakeEngine, FakeFacts, make_speaker
from tests.persona.tiny_model import (
    BASE_SHA256,
    tiny_loaded,
    tiny_model,
    tiny_tokenizer,
    write_adapter,
)
from tests.store import rehearsal

FAKE_BASE = "0" * 64


def _publish(database: Database, adapter: Adapter, date: str) -> None:
    """As a night does it: under its fence, everything in one transaction."""
    with database.session() as session:
        claim = rehearsal.claim(session, utc_now(), date=date)
        parent = active_adapter(session)
        record = replace(adapter, parent_id=parent)
        publication = Publication(adapter=record, pair_ids=(), who="night", why="gates passed")
        publish(session, claim, publication, utc_now())


def _named(name: str) -> Adapter:
    return Adapter(
        id=name,
        parent_id=None,
        kind="night",
        base=FAKE_BASE,
        sha256=name,
        folder=f"/{name}",
        manifest={},
        created_at=utc_now(),
    )


def _adapter_of(turn: dict) -> str | None:
    return turn["replies"][turn["shown"]]["adapter"]


def test_a_reply_under_way_and_its_conversation_keep_their_adapter(
    client: TestClient, house: House, engine: FakeEngine
) -> None:
    _publish(house.database, _named("v1"), "2026-09-24")
    old = start_conversation(client)
    exchange(client, old, "はじめまして")
    engine.hold()
    growing = say(client, old, "長い話をして")["replies"][0]["id"]
    live = house.chat.live_reply(growing)
    assert live is not None
    wait_until(lambda: live.state.text != "")
    _publish(house.database, _named("v2"), "2026-09-25")
    engine.release()
    name, last = follow(client, growing)[-1]
    assert (name, last["reply"]["adapter"]) == ("done", "v1")
    assert _adapter_of(exchange(client, old, "つづきは？")) == "v1"
    assert _adapter_of(exchange(client, start_conversation(client), "あなたは？")) == "v2"
    assert [one.adapter for one in engine.requests] == ["v1", "v1", "v1", "v2"]


def test_rollback_reaches_the_next_conversation(client: TestClient, house: House) -> None:
    for name, date in (("v1", "2026-09-24"), ("v2", "2026-09-25")):
        _publish(house.database, _named(name), date)
    with house.database.session() as session:
        rollback(session, who="op", why="worse", now=utc_now())
    assert _adapter_of(exchange(client, start_conversation(client), "はい")) == "v1"


def test_one_tainted_after_the_promise_does_not_speak(
    client: TestClient, house: House, engine: FakeEngine
) -> None:
    for name, date in (("v1", "2026-09-24"), ("v2", "2026-09-25")):
        _publish(house.database, _named(name), date)
    pinned = start_conversation(client)
    assert _adapter_of(exchange(client, pinned, "はい")) == "v2"
    with house.database.session() as session:
        taint(session, ["v2"], "a visitor was erased", utc_now())
    # The conversation is still pinned to v2, and the engine still holds it.
    assert "v2" in engine.adapters()
    assert _adapter_of(exchange(client, pinned, "それで？")) == "v1"
    assert _adapter_of(exchange(client, start_conversation(client), "はい")) == "v1"


@contextmanager
def _real_house(home: Path) -> Iterator[House]:
    """The application over the real engine with a tiny model."""
    settings = load_settings(home, {**ROOMY, "chat": {"max_new_tokens": 8, "temperature": 0}})
    database = open_database(settings.database_url)
    # Here, not in the loading thread: its weights and the adapters' are drawn from one generator.
    loaded = tiny_loaded()

    def load() -> Brain:
        engine = LocalEngine(loaded, EngineSettings(threads=1))
        return Brain(engine=engine, facts=FakeFacts(), base_sha256=BASE_SHA256)

    chat = ChatService(
        database=database, speaker=make_speaker(), brain=BrainSlot(load), settings=settings
    )
    app = create_app(settings, chat)
    with TestClient(app, base_url=ORIGIN):
        yield House(app=app, chat=chat, settings=settings, database=database)
    database.close()


def _trained(home: Path, name: str, seed: int) -> Adapter:
    folder = write_adapter(home / "adapters" / name, seed)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"kind": "night"}))
    base = ServedBase(sha256=BASE_SHA256, shapes=linear_shapes(tiny_model(len(tiny_tokenizer()))))
    return verify_adapter(folder, base, now=utc_now())


@pytest.mark.parametrize("harm", ["flipped", "pickle", "gone"])
def test_one_that_is_damaged_on_disk_falls_back_to_the_one_before(
    tmp_path: Path, harm: str
) -> None:
    home = tmp_path / "home"
    with _real_house(home) as house:
        client = house.client()
        _publish(house.database, _trained(home, "v1", 1), "2026-09-24")
        first = exchange(client, start_conversation(client), "こんにちは")
        assert _adapter_of(first) == "v1"
        _publish(house.database, _trained(home, "v2", 2), "2026-09-25")
        weights = home / "adapters" / "v2" / "adapter_model.safetensors"
        if harm == "flipped":
            raw = bytearray(weights.read_bytes())
            raw[-3] ^= 4
            weights.write_bytes(raw)
        elif harm == "pickle":
            (weights.parent / "training_args.bin").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
        else:
            weights.unlink()
        again = exchange(client, start_conversation(client), "こんにちは")
        shown = again["replies"][again["shown"]]
        assert (shown["adapter"], shown["status"]) == ("v1", "done")
        assert shown["text"] == first["replies"][0]["text"]


def test_what_was_published_is_in_use_after_a_restart(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with _real_house(home) as house:
        _publish(house.database, _trained(home, "v1", 1), "2026-09-24")
        _publish(house.database, _trained(home, "v2", 2), "2026-09-25")
        client = house.client()
        before = exchange(client, start_conversation(client), "こんにちは")
    with _real_house(home) as house:
        client = house.client()
        after = exchange(client, start_conversation(client), "こんにちは")
        with house.database.reading() as session:
            assert [one.parent_id for one in list_adapters(session)] == [None, "v1"]
    assert _adapter_of(before) == _adapter_of(after) == "v2"
    assert before["replies"][0]["text"] == after["replies"][0]["text"]
