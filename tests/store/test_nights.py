"""One night per date, whoever tries; an owner that lost its lease writes nothing."""

import multiprocessing
import os
import signal
from datetime import datetime, timedelta
from multiprocessing.connection import Connection

import pytest
from sqlalchemy.orm import Session

from store.database import Database, open_database
from store.errors import LeaseError
from store.gate_results import list_gate_results, save_gate_results
from store.night_records import GateRecord, NightClaim, NightEnd
from store.nights import (
    begin_step,
    check_fence,
    claim_night,
    finish_night,
    finish_step,
    list_nights,
    load_night,
    progress_step,
    release_lease,
    renew_lease,
)
from store.pairs import save_pairs
from store.tables import AuditRow
from tests.store.rehearsal import DATE, LEASE, claim, pair, talk

PROCESSES = 4
DATES = [f"2026-10-{day:02}" for day in range(1, 21)]


def _claim_all(
    url: str,
    name: str,
    now: datetime,
    barrier: multiprocessing.Barrier,  # type: ignore[valid-type]
    pipe: Connection,
) -> None:
    database = open_database(url)
    won = []
    for date in DATES:
        barrier.wait()
        with database.session() as session:
            given = claim_night(session, date, owner=name, lease=LEASE, now=now, settings={})
        if given is not None:
            won.append(date)
    pipe.send(won)
    database.close()


def test_of_processes_that_claim_one_date_exactly_one_wins(url: str, now: datetime) -> None:
    open_database(url).close()
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(PROCESSES)
    pipes = [spawn.Pipe(duplex=False) for _ in range(PROCESSES)]
    processes = [
        spawn.Process(target=_claim_all, args=(url, f"process-{one}", now, barrier, pipe[1]))
        for one, pipe in enumerate(pipes)
    ]
    for process in processes:
        process.start()
    won = [date for receiver, _ in pipes for date in receiver.recv()]
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * PROCESSES
    assert sorted(won) == DATES
    database = open_database(url)
    with database.reading() as session:
        assert [night.fencing_token for night in list_nights(session)] == [1] * len(DATES)
    database.close()


def _write_after_a_freeze(url: str, now: datetime, pipe: Connection) -> None:
    database = open_database(url)
    with database.session() as session:
        mine = claim(session, now, owner="frozen")
        begin_step(session, mine, "pair", 4, now)
    os.kill(os.getpid(), signal.SIGSTOP)
    refused = []
    for write in (
        lambda session: save_pairs(session, mine, [], now=now),
        lambda session: progress_step(session, mine, "pair", 1, 2),
        lambda session: finish_step(session, mine, "pair", {}, now),
        lambda session: renew_lease(session, mine, lease=LEASE, now=now),
        lambda session: _end(session, mine, "published", now),
    ):
        try:
            with database.session() as session:
                session.add(AuditRow(at=now, actor="frozen", action="late", detail={}))
                write(session)
        except LeaseError as error:
            refused.append(str(error))
    pipe.send(refused)
    database.close()


def test_an_owner_that_wakes_up_after_a_takeover_writes_nothing(url: str, now: datetime) -> None:
    open_database(url).close()
    spawn = multiprocessing.get_context("spawn")
    receiver, sender = spawn.Pipe(duplex=False)
    frozen = spawn.Process(target=_write_after_a_freeze, args=(url, now, sender))
    frozen.start()
    assert frozen.pid is not None
    _, status = os.waitpid(frozen.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    later = now + LEASE + timedelta(seconds=1)
    database = open_database(url)
    with database.session() as session:
        assert claim_night(session, DATE, owner="early", lease=LEASE, now=now, settings={}) is None
        taken = claim(session, later, owner="second")
    os.kill(frozen.pid, signal.SIGCONT)
    refused = receiver.recv()
    frozen.join(60)
    assert len(refused) == 5
    assert all("taken over by second" in sentence for sentence in refused)
    with database.session() as session:
        night = load_night(session, DATE)
        assert night is not None
        assert (night.status, night.lease_owner, night.fencing_token) == ("running", "second", 2)
        assert night.lease_until == later + LEASE
        assert [(step.step, step.finished_at) for step in night.steps] == [("pair", None)]
        assert session.query(AuditRow).count() == 0
        finish_step(session, taken, "pair", {"pairs": 3}, later)
    database.close()


def test_steps_are_begun_once_and_finished_last(database: Database, now: datetime) -> None:
    later = now + timedelta(minutes=5)
    with database.session() as session:
        mine = claim(session, now)
        assert begin_step(session, mine, "score", 1, now).finished_at is None
        begin_step(session, mine, "collect", 0, now)
        progress_step(session, mine, "score", 3, 7)
        again = begin_step(session, mine, "score", 1, later)
        assert (again.started_at, again.done, again.total) == (now, 3, 7)
        finish_step(session, mine, "score", {"scored": 7}, later)
        done = begin_step(session, mine, "score", 1, later)
        assert (done.finished_at, done.detail) == (later, {"scored": 7})
    with database.reading() as session:
        night = load_night(session, DATE)
        assert night is not None
        assert [step.step for step in night.steps] == ["collect", "score"]
        assert night.settings == {"beta": 0.1}
        assert [one.date for one in list_nights(session)] == [DATE]
        assert list_nights(session) == [night]
        assert load_night(session, "2026-09-25") is None


def _end(session: Session, mine: NightClaim, status: NightEnd, now: datetime) -> None:
    finish_night(
        session,
        mine,
        status=status,
        decision="because",
        adapter_id=None,
        now=now,
    )


@pytest.mark.parametrize(
    ("status", "again", "forced"),
    [
        ("published", False, False),
        ("refused", False, True),
        ("skipped", False, True),
        ("failed", False, True),
        ("stopped", True, True),
        ("waiting", True, True),
    ],
)
def test_which_ended_nights_may_be_claimed_again(
    database: Database, now: datetime, status: NightEnd, again: bool, forced: bool
) -> None:
    with database.session() as session:
        mine = claim(session, now)
        begin_step(session, mine, "collect", 0, now)
        _end(session, mine, status, now)
        with pytest.raises(LeaseError, match="claim it again"):
            check_fence(session, mine)
        night = load_night(session, DATE)
        assert night is not None
        assert (night.status, night.decision) == (status, "because")
        assert (night.finished_at is None) is again

        def attempt(force: bool) -> NightClaim | None:
            with session.begin_nested() as savepoint:
                given = claim_night(
                    session, DATE, owner="two", lease=LEASE, now=now, settings={}, force=force
                )
                night = load_night(session, DATE)
                assert night is not None
                kept.append(len(night.steps))
                savepoint.rollback()
            session.expire_all()
            return given

        kept: list[int] = []
        assert (attempt(force=False) is not None) is again
        assert (attempt(force=True) is not None) is forced
        # A night that is judged anew begins with its first step, others go on where they were.
        assert kept == [1, 0 if status in ("refused", "skipped") else 1]


def test_a_live_lease_is_never_taken_and_a_released_one_is_free(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        mine = claim(session, now)
        renew_lease(session, mine, lease=LEASE, now=now + timedelta(minutes=20))
        inside = now + timedelta(minutes=49)

        def attempt(at: datetime, *, force: bool) -> NightClaim | None:
            return claim_night(
                session, DATE, owner="two", lease=LEASE, now=at, settings={}, force=force
            )

        assert attempt(inside, force=False) is None
        assert attempt(inside, force=True) is None
        release_lease(session, mine)
        with pytest.raises(LeaseError, match="released"):
            begin_step(session, mine, "collect", 0, now)
        second = attempt(inside, force=False)
        assert second is not None
        assert second.token == mine.token + 1
        release_lease(session, mine)
        check_fence(session, second)


def test_a_claim_of_a_night_that_is_not_there_is_void(database: Database) -> None:
    with pytest.raises(LeaseError, match="not in the ledger"), database.session() as session:
        check_fence(session, NightClaim(date=DATE, owner="one", token=1))


def test_gate_results_are_replaced(database: Database, now: datetime) -> None:
    def result(gate: str, value: float | None) -> GateRecord:
        return GateRecord(
            gate=gate,
            passed=value is not None,
            value=value,
            low=0.1,
            high=None,
            bound=0.05,
            detail={"n": 200},
        )

    with database.session() as session:
        mine = claim(session, now)
        save_gate_results(session, mine, [result("perplexity", None)])
        save_gate_results(session, mine, [result("safety", 0.0), result("length", 1.0)])
        assert list_gate_results(session, DATE) == [result("length", 1.0), result("safety", 0.0)]


def test_a_refused_write_takes_the_whole_transaction_with_it(
    database: Database, now: datetime
) -> None:
    with database.session() as session:
        owner, turns = talk(session, now, ("こんにちは", "ごきげんよう。"))
        old = claim(session, now)
        claim(session, now + 2 * LEASE, owner="two")

    def write() -> None:
        with database.session() as session:
            session.add(AuditRow(at=now, actor="x", action="y", detail={}))
            save_pairs(session, old, [pair(owner, turns[0], "a", "b")], now=now)

    with pytest.raises(LeaseError):
        write()
    with database.reading() as session:
        assert session.query(AuditRow).count() == 0
