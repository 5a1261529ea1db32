"""The whole application in one process, and clients that behave like the page."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response

from app.brain_slot import BrainSlot
from app.chat_service import ChatService
from app.server import create_app
from app.settings import Settings, Values, load_settings
from store.database import Database, open_database
from tests.fakes import FakeEngine, make_brain, make_speaker

ORIGIN = "http://127.0.0.1"
PAGE_HEADERS = {"X-Yogeiko": "1", "Origin": ORIGIN}
ROOMY: Values = {"server": {"changes_per_minute": 100_000, "requests_per_minute": 100_000}}


@dataclass
class House:
    """A running application; every `client()` is a browser of its own."""

    app: FastAPI
    chat: ChatService
    settings: Settings
    database: Database

    def client(self) -> TestClient:
        return TestClient(self.app, base_url=ORIGIN, headers=PAGE_HEADERS)


@contextmanager
def open_house(home: Path, engine: FakeEngine, flags: Values | None = None) -> Iterator[House]:
    """Serve from `home` until the block ends."""
    settings = load_settings(home, flags or ROOMY)
    database = open_database(settings.database_url)
    chat = ChatService(
        database=database,
        speaker=make_speaker(),
        brain=BrainSlot(lambda: make_brain(engine)),
        settings=settings,
    )
    app = create_app(settings, chat)
    with TestClient(app, base_url=ORIGIN):
        yield House(app=app, chat=chat, settings=settings, database=database)
    database.close()


def start_conversation(client: TestClient) -> str:
    """Return the id of a new conversation."""
    response = client.post("/api/conversations")
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


def say(client: TestClient, conversation: str, text: str) -> dict:
    """Return the promised turn."""
    response = client.post(f"/api/conversations/{conversation}/turns", json={"text": text})
    assert response.status_code == 202, response.text
    return response.json()["turn"]


def follow(client: TestClient, reply_id: str) -> list[tuple[str, dict]]:
    """Return all events of a reply."""
    with client.stream("GET", f"/api/replies/{reply_id}/events") as response:
        assert response.status_code == 200, response.status_code
        assert response.headers["content-type"].startswith("text/event-stream")
        return parse_events("".join(response.iter_text()))


def parse_events(stream: str) -> list[tuple[str, dict]]:
    """Return (event, data) pairs; comments are left out."""
    found = []
    for block in stream.split("\n\n"):
        if block.startswith("event: "):
            name, data = block.split("\n", 1)
            found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def exchange(client: TestClient, conversation: str, text: str) -> dict:
    """Say something, wait for the reply, return the turn as the page then sees it."""
    turn = say(client, conversation, text)
    follow(client, turn["replies"][turn["shown"]]["id"])
    turns = client.get(f"/api/conversations/{conversation}").json()["turns"]
    return next(one for one in turns if one["id"] == turn["id"])


def error_code(response: Response) -> str:
    """Return the code of a refusal, whose shape is always the same."""
    error = response.json()["error"]
    assert set(error) == {"code", "message"}
    return str(error["code"])


def wait_until(condition: object, seconds: float = 5.0) -> None:
    """Wait for a callable to be true."""
    assert callable(condition)
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)
