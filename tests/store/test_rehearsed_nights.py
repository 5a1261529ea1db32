"""A rehearsal holds a night and leaves the ledger as it was; a dead owner's lease is no obstacle."""

import multiprocessing
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from store.candidates import append_candidates, list_candidates
from store.database import Database, open_database
from store.night_records import NightClaim, NightEnd
from store.nights import (
    begin_step,
    claim_night,
    finish_night,
    hold_for_rehearsal,
    holder,
    list_nights,
    load_night,
    release_lease,
)
from store.owners import this_process
from tests.store.rehearsal import DATE, LEASE, candidate, claim, talk


def _hold(session: Session, now: datetime, *, force: bool = False) -> NightClaim | None:
    return hold_for_rehearsal(session, DATE, owner="rehearsal", lease=LEASE, now=now, force=force)


def _claim_and_die(url: str, now: datetime) -> None:
    database = open_database(url)
    with database.session() as session:
        claim(session, now, owner=this_process())
    database.close()


def test_a_dead_owners_night_is_free_at_once(url: str, now: datetime) -> None:
    database = open_database(url)
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=_claim_and_die, args=(url, now))
    process.start()
    process.join(60)
    with database.session() as session:
        assert holder(session, DATE, now) is None
        taken = claim(session, now, owner=this_process())
        assert taken.token == 2
        assert holder(session, DATE, now) == this_process()
        assert claim_night(session, DATE, owner="x", lease=LEASE, now=now, settings={}) is None
    database.close()


def test_a_rehearsal_is_no_night(database: Database, now: datetime) -> None:
    later = now + timedelta(hours=3)
    with database.session() as session:
        _, (turn,) = talk(session, now, ("はい", "ええ。"))
        held = _hold(session, now)
        assert held is not None
        assert holder(session, DATE, now) == "rehearsal"
        assert claim_night(session, DATE, owner="x", lease=LEASE, now=now, settings={}) is None
        append_candidates(session, held, [candidate(turn)], now=now)
        release_lease(session, held)
        assert load_night(session, DATE) is None
        assert list_nights(session) == []
        claim(session, later)
        night = load_night(session, DATE)
        assert night is not None
        assert (night.status, night.started_at, night.steps) == ("running", later, ())
        assert night.settings == {"beta": 0.1}
        assert len(list_candidates(session, DATE)) == 1, "what it made is kept for the night"


@pytest.mark.parametrize("status", ["waiting", "stopped", "refused", "skipped", "failed"])
def test_a_begun_night_is_rehearsed_without_a_trace(
    database: Database, now: datetime, status: NightEnd
) -> None:
    with database.session() as session:
        mine = claim(session, now)
        begin_step(session, mine, "collect", 1, now)
        finish_night(session, mine, status=status, decision="d", adapter_id=None, now=now)
        before = load_night(session, DATE)
        over = status in ("refused", "skipped", "failed")
        assert (_hold(session, now) is None) is over
        held = _hold(session, now + 2 * LEASE, force=True)
        assert held is not None
        release_lease(session, held)
        after = load_night(session, DATE)
        assert before is not None
        assert after is not None
        assert (after.status, after.decision, after.finished_at, after.steps, after.settings) == (
            before.status, before.decision, before.finished_at, before.steps, before.settings,
        )  # fmt: skip


def test_a_published_night_is_not_rehearsed(database: Database, now: datetime) -> None:
    with database.session() as session:
        mine = claim(session, now)
        finish_night(session, mine, status="published", decision="d", adapter_id=None, now=now)
        assert _hold(session, now, force=True) is None
