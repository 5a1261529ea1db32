"""A night that is under way keeps the watch from scoring beside it."""

from datetime import datetime

import pytest

from store.database import Database
from store.nights import release_lease
from store.owners import this_process
from store.watch_sample import is_night_running
from tests.store.rehearsal import LEASE, claim


def _dead() -> str:
    """A process whose number is this one's now."""
    host, number, began = this_process().rsplit("/", 2)
    return f"{host}/{number}/{int(began) - 60}"


@pytest.mark.parametrize(
    ("owner", "runs"),
    [(this_process(), True), ("elsewhere/1/5", True), (_dead(), False)],
    ids=["alive", "of another host", "dead"],
)
def test_a_night_runs_while_its_owner_may_live(
    database: Database, now: datetime, owner: str, runs: bool
) -> None:
    with database.session() as session:
        claim(session, now, owner=owner)
        assert is_night_running(session, now) is runs
        assert not is_night_running(session, now + LEASE)


def test_a_dead_owner_does_not_hide_a_living_one(database: Database, now: datetime) -> None:
    with database.session() as session:
        claim(session, now, owner=_dead(), date="2026-09-23")
        living = claim(session, now, owner=this_process(), date="2026-09-24")
        assert is_night_running(session, now)
        release_lease(session, living)
        assert not is_night_running(session, now)
