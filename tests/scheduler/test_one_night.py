"""Four clocks on one date, each with a process of its own: one night."""

import sys
import time
from datetime import date, timedelta
from pathlib import Path

import pytest

from scheduler.child import ChildSettings, NightChild
from store.database import open_database
from store.nights import list_nights
from tests.store.databases import KINDS, fresh_url

FIRST = date(2026, 9, 24)
PROCESSES = 4


def _run(folder: Path, url: str, day: date) -> None:
    def command(chosen: date) -> list[str]:
        words = [sys.executable, "-m", "tests.scheduler.stand_in_night"]
        return [*words, url, chosen.isoformat(), str(folder / f"published-{chosen}")]

    settings = ChildSettings(command=command, nights_folder=folder / "nights")
    children = [NightChild(settings) for _ in range(PROCESSES)]
    try:
        assert [child.start(day) for child in children] == [True] * PROCESSES
        until = time.monotonic() + 120
        while any(child.running for child in children):
            assert time.monotonic() < until, "a night did not end"
            time.sleep(0.02)
    finally:
        for child in children:
            child.stop()
    codes = sorted(child.ends()[0].code for child in children)
    log = (folder / "nights" / day.isoformat() / "night.log").read_text()
    assert codes == [0] + [3] * (PROCESSES - 1), log
    assert len((folder / f"published-{day}").read_text().splitlines()) == 1


def _repeat(folder: Path, url: str, times: int) -> None:
    # Also the first opening of the database, with its migration, is raced for.
    for n in range(times):
        _run(folder, url, FIRST + timedelta(days=n))
    database = open_database(url)
    with database.reading() as session:
        nights = list_nights(session)
    database.close()
    assert len(nights) == times
    assert {(one.status, one.fencing_token) for one in nights} == {("published", 1)}


@pytest.mark.parametrize("kind", KINDS)
def test_four_processes_on_one_date_are_one_night(tmp_path: Path, kind: str) -> None:
    with fresh_url(kind, tmp_path) as url:
        _repeat(tmp_path, url, 2)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_four_processes_on_one_date_fifty_times(tmp_path: Path) -> None:
    with fresh_url("sqlite", tmp_path) as url:
        _repeat(tmp_path, url, 50)
