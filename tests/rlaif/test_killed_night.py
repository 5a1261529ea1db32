"""SIGKILL at every boundary and inside the long steps: the night ends as an undisturbed one."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rlaif.night import STEPS
from store.adapters import list_adapters
from store.database import open_database
from store.nights import load_night
from tests.rlaif.night_kit import DATE, install_anchor, talk_a_day
from tests.rlaif.test_night import _rows

_INSIDE = {"score": ["in", "score"], "candidates": ["in", "candidates"], "train": ["in", "train"]}


def _night(home: Path, *point: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "tests.rlaif.killed_night"]
    return subprocess.run(
        [*words, f"sqlite:///{home / 'night.db'}", str(home), *point],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def _points() -> list[list[str]]:
    """All the places to be killed at, in the order in which a night comes by."""
    points = []
    for step, _ in STEPS:
        points.append(["before", step])
        if step in _INSIDE:
            points.append(_INSIDE[step])
    return [*points, ["deployed"], ["complete"]]


def _left_behind(home: Path) -> dict[str, object]:
    database = open_database(f"sqlite:///{home / 'night.db'}")
    rows = _rows(database)
    with database.reading() as session:
        night = load_night(session, DATE)
        weights = [(one.id, one.sha256) for one in list_adapters(session)]
    database.close()
    assert night is not None
    steps = [(step.step, step.finished_at is not None) for step in night.steps]
    return {**rows, "weights": weights, "steps": steps, "decision": night.decision}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_night_killed_everywhere_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    killed, calm = tmp_path / "killed", tmp_path / "calm"
    database = open_database(f"sqlite:///{killed / 'night.db'}")
    install_anchor(database, killed)
    talk_a_day(database)
    database.checkpoint()
    database.close()
    # The same ids in both; the anchor is read from the first.
    shutil.copytree(killed, calm)

    for number, point in enumerate(_points(), start=1):
        ended = _night(killed, *point)
        assert ended.returncode == -signal.SIGKILL, (point, ended.stdout, ended.stderr[-2000:])
        database = open_database(f"sqlite:///{killed / 'night.db'}")
        with database.reading() as session:
            night = load_night(session, DATE)
        database.close()
        assert night is not None
        assert (night.status, night.fencing_token) == ("running", number), "taken over at once"
    last, undisturbed = _night(killed), _night(calm)

    assert last.returncode == 0, last.stdout + last.stderr[-2000:]
    assert last.stdout == undisturbed.stdout
    left = [_left_behind(home) for home in (killed, calm)]
    assert left[0] == left[1]
    assert left[0]["linked"]
