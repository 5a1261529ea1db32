"""What stores is tested on SQLite and, where YOGEIKO_TEST_POSTGRES_URL names a server, on it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from store.database import Database, open_database
from tests.store.databases import KINDS, fresh_url

NOW = datetime(2026, 9, 24, 12, 0, tzinfo=UTC)


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with fresh_url(request.param, tmp_path) as fresh:
        yield fresh


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = open_database(url)
    yield opened
    opened.close()


@pytest.fixture
def now() -> datetime:
    return NOW
