"""The night's process: bounded, logged, stopped, and its death noticed."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from scheduler.child import ChildSettings, NightChild
from scheduler.errors import ChildError

DAY = date(2026, 9, 24)
SLEEP = "import time; time.sleep(60)"


def _settings(folder: Path, program: str) -> ChildSettings:
    def command(day: date) -> list[str]:
        return [sys.executable, "-c", program, day.isoformat()]

    return ChildSettings(command=command, nights_folder=folder, stop_seconds=5.0)


@contextmanager
def _child(settings: ChildSettings, **more: Callable[[], datetime]) -> Iterator[NightChild]:
    child = NightChild(settings, **more)
    try:
        yield child
    finally:
        child.stop()


def _wait(condition: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def _log(folder: Path) -> str:
    return (folder / DAY.isoformat() / "night.log").read_text(encoding="utf-8")


def test_it_runs_politely_and_writes_its_log(tmp_path: Path) -> None:
    program = (
        "import os, resource, sys\n"
        "print(sys.argv[1], os.nice(0), os.environ['OMP_NUM_THREADS'],"
        " resource.getrlimit(resource.RLIMIT_DATA)[0],"
        " open('/proc/self/oom_score_adj').read().strip())\n"
    )
    settings = replace(_settings(tmp_path, program), threads=2, memory_bytes=3 * 1024**3)
    with _child(settings) as child:
        assert child.start(DAY)
        _wait(lambda: not child.running)
        assert [end.code for end in child.ends()] == [0]
    wanted = os.nice(0) + 10
    assert f"2026-09-24 {wanted} 2 {3 * 1024**3} 800" in _log(tmp_path)
    assert oct((tmp_path / "2026-09-24" / "night.log").stat().st_mode)[-3:] == "600"


def test_one_at_a_time(tmp_path: Path) -> None:
    with _child(_settings(tmp_path, SLEEP)) as child:
        assert child.start(DAY)
        assert not child.start(DAY)
        assert not child.start(DAY + timedelta(days=1))


def test_what_a_person_starts_does_not_rest_and_is_told_so(tmp_path: Path) -> None:
    program = "import sys; print(sys.argv[1:]); sys.exit(3)"
    settings = replace(_settings(tmp_path, program), by_hand=("--resume",))
    with _child(settings) as child:
        for _ in range(2):
            assert child.start(DAY)
            _wait(lambda: not child.running)
        assert not child.start(DAY), "it died twice and has to rest"
        assert child.start(DAY, by_hand=True)
        _wait(lambda: not child.running)
    assert _log(tmp_path).count("['2026-09-24']") == 2
    assert "['2026-09-24', '--resume']" in _log(tmp_path)


def test_it_tells_which_night_runs(tmp_path: Path) -> None:
    with _child(_settings(tmp_path, SLEEP)) as child:
        assert child.day is None
        child.start(DAY)
        assert child.day == DAY
        child.stop()
        assert child.day is None


def test_its_death_is_noticed(tmp_path: Path) -> None:
    with _child(_settings(tmp_path, SLEEP)) as child:
        child.start(DAY)
        os.kill(child.pid or 0, signal.SIGKILL)
        _wait(lambda: not child.running)
        assert [(end.date, end.code) for end in child.ends()] == [(DAY, -signal.SIGKILL)]


def test_too_much_memory_ends_it_alone(tmp_path: Path) -> None:
    program = "wanted = bytearray(600 * 1024 ** 2)"
    with _child(replace(_settings(tmp_path, program), memory_bytes=256 * 1024**2)) as child:
        child.start(DAY)
        _wait(lambda: not child.running)
        assert child.ends()[0].code == 1
    assert "MemoryError" in _log(tmp_path)


def test_stop_asks_first(tmp_path: Path) -> None:
    program = (
        "import signal, sys, time\n"
        "def leave(*_): print('left tidily', flush=True); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, leave)\n"
        "print('ready', flush=True); time.sleep(60)\n"
    )
    with _child(_settings(tmp_path, program)) as child:
        child.start(DAY)
        _wait(lambda: "ready" in _log(tmp_path))
        child.stop()
        assert not child.running
        assert child.ends()[0].code == 0
    assert "left tidily" in _log(tmp_path)


def test_stop_kills_what_does_not_listen_and_what_it_started(tmp_path: Path) -> None:
    program = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"grandchild = subprocess.Popen([sys.executable, '-c', {SLEEP!r}])\n"
        "print('grandchild', grandchild.pid, '.', flush=True); time.sleep(60)\n"
    )
    with _child(replace(_settings(tmp_path, program), stop_seconds=0.3)) as child:
        child.start(DAY)
        _wait(lambda: " ." in _log(tmp_path))
        grandchild = int(_log(tmp_path).split("grandchild ")[1].split()[0])
        child.stop()
        assert child.ends()[0].code == -signal.SIGKILL
        _wait(lambda: _gone(grandchild))


def test_what_a_dead_night_started_does_not_stay(tmp_path: Path) -> None:
    program = (
        "import subprocess, sys, time\n"
        f"grandchild = subprocess.Popen([sys.executable, '-c', {SLEEP!r}])\n"
        "print('grandchild', grandchild.pid, '.', flush=True); time.sleep(60)\n"
    )
    with _child(_settings(tmp_path, program)) as child:
        child.start(DAY)
        _wait(lambda: " ." in _log(tmp_path))
        os.kill(child.pid or 0, signal.SIGKILL)
        _wait(lambda: not child.running)
    _wait(lambda: _gone(int(_log(tmp_path).split("grandchild ")[1].split()[0])))


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_night_that_dies_again_and_again_is_tried_four_times(tmp_path: Path) -> None:
    now = [datetime(2026, 9, 23, 18, 0, tzinfo=UTC)]
    began: list[int] = []
    with _child(_settings(tmp_path, "raise SystemExit(3)"), now=lambda: now[0]) as child:
        for minute in range(120):
            if child.start(DAY):
                began.append(minute)
                _wait(lambda: not child.running)
            now[0] += timedelta(minutes=1)
        assert began == [0, 1, 11, 41]
        assert child.start(DAY + timedelta(days=1)), "another date is another night"


def test_a_log_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "2026-09-24").write_text("in the way")
    with _child(_settings(tmp_path, SLEEP)) as child:
        with pytest.raises(ChildError, match=r"cannot be started .* try yogeiko night run --date"):
            child.start(DAY)
        assert not child.running


def test_a_night_that_stopped_or_waits_has_not_died(tmp_path: Path) -> None:
    with _child(_settings(tmp_path, "pass")) as child:
        for _ in range(5):
            assert child.start(DAY), "a clean end counted as a death"
            _wait(lambda: not child.running)
        assert len(child.ends()) == 5
        assert not child.deaths(DAY)
        assert not child.gave_up(DAY)
