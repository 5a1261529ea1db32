"""A dry run over HTTP: one at a time, watched, stopped, and not while a night runs."""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from app.clock import utc_now
from app.rehearsal_service import RehearsalService
from scheduler.heard_process import HeardSettings
from store.nights import claim_night
from store.tables import AuditRow
from tests.app.console.seed_console import REVIEWER
from tests.app.house import House, error_code
from tests.app.test_rehearsal_service import FOUND

PATH = "/api/console/rehearsal"
_PROGRAM = f"""
import os, signal, sys, time
stopped = []
signal.signal(signal.SIGTERM, lambda *_: stopped.append(1))
sys.stderr.write("\\r2/9 score 3/8")
sys.stderr.flush()
while not os.path.exists(sys.argv[1]):
    time.sleep(0.02)
    if stopped:
        print('{{"date": "2026-09-25", "status": "stopped", "decision": "stopped"}}')
        sys.exit()
print({json.dumps(json.dumps(FOUND))})
"""


@pytest.fixture
def end(house: House, tmp_path: Path) -> Iterator[Path]:
    """A dry run that says a line, and ends when this file is there."""
    file = tmp_path / "end"
    command = [sys.executable, "-c", _PROGRAM, str(file)]
    service = RehearsalService(HeardSettings(command=command, nice=0))
    house.app.state.console = replace(house.app.state.console, rehearsal=service)
    yield file
    service.close()


def _until(client: TestClient, *states: str) -> dict[str, Any]:
    for _ in range(1500):
        told = client.get(PATH).json()["rehearsal"]
        if told["state"] in states and (told["state"] != "running" or told["progress"]):
            return told  # type: ignore[no-any-return]
        time.sleep(0.02)
    raise AssertionError(f"it never was {states}: {told}")


def test_a_reviewer_starts_watches_and_reads_it(
    house: House, reviewer: TestClient, end: Path
) -> None:
    assert reviewer.get(PATH).json() == {"rehearsal": None}
    assert reviewer.post(PATH).status_code == 201
    twice = reviewer.post(PATH)
    assert (twice.status_code, error_code(twice)) == (409, "rehearsal_running")
    running = _until(reviewer, "running")
    assert running["progress"] == {
        "step": "score",
        "position": 2,
        "steps": 9,
        "done": 3,
        "total": 8,
    }
    end.touch()
    done = _until(reviewer, "done")
    assert done["result"]["by_source"] == {"score": 1}
    assert done["result"]["training"]["minutes"] == 5.7
    assert "turn" not in json.dumps(done)
    over = reviewer.post(f"{PATH}/stop")
    assert (over.status_code, error_code(over)) == (409, "rehearsal_over")
    wanted = select(AuditRow.actor).where(AuditRow.action == "rehearsal.start")
    with house.database.reading() as session:
        assert list(session.scalars(wanted)) == [REVIEWER]


def test_it_is_stopped(reviewer: TestClient, end: Path) -> None:
    reviewer.post(PATH)
    _until(reviewer, "running")
    assert reviewer.post(f"{PATH}/stop").json()["rehearsal"]["state"] in ("stopping", "stopped")
    assert _until(reviewer, "stopped")["result"] is None


def test_it_waits_for_a_night_to_end(house: House, reviewer: TestClient, end: Path) -> None:
    now = utc_now()
    with house.database.session() as session:
        claim_night(
            session, "2026-09-20", owner="night", lease=timedelta(hours=1), now=now, settings={}
        )
    refused = reviewer.post(PATH)
    assert (refused.status_code, error_code(refused)) == (409, "rehearsal_beside_night")
    assert reviewer.get(PATH).json() == {"rehearsal": None}
