"""A served application with an admin and a reviewer."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, sync_playwright

from tests.app.chat_site import CHROMIUM, FLAGS
from tests.app.console.seed_console import ADMIN, PASSWORD, REVIEWER, seed_operators
from tests.app.house import House, open_house
from tests.fakes import FakeEngine


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser, for tests marked e2e."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(lines=("ごきげんよう、よいお天気ですわ。",))


@pytest.fixture
def house(tmp_path: Path, engine: FakeEngine) -> Iterator[House]:
    with open_house(tmp_path / "home", engine) as opened:
        seed_operators(opened.database)
        yield opened


def enter(house: House, name: str) -> TestClient:
    """Return the browser of an operator who is logged in."""
    client = house.client()
    answer = client.post("/api/console/login", json={"name": name, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return client


@pytest.fixture
def admin(house: House) -> TestClient:
    return enter(house, ADMIN)


@pytest.fixture
def reviewer(house: House) -> TestClient:
    return enter(house, REVIEWER)
