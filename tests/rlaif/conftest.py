"""A night's bench for every test that needs one: a tiny model, an anchor, a day of talk."""

from pathlib import Path

import pytest
import torch

from store.database import Database
from tests.rlaif.night_kit import Bench, install_anchor, talk_a_day


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Database:
    """A store with an anchor in production."""
    install_anchor(database, tmp_path)
    return database


@pytest.fixture
def bench(house: Database, tmp_path: Path) -> Bench:
    talk_a_day(house)
    return Bench(house, tmp_path)
