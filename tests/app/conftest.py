"""A served application around a fake engine, called in process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.settings import Settings
from tests.app.house import House, open_house
from tests.fakes import FakeEngine


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(lines=("ごきげんよう、よいお天気ですわ。",))


@pytest.fixture
def house(tmp_path: Path, engine: FakeEngine) -> Iterator[House]:
    with open_house(tmp_path / "home", engine) as opened:
        yield opened


@pytest.fixture
def client(house: House) -> TestClient:
    return house.client()


@pytest.fixture
def settings(house: House) -> Settings:
    return house.settings
