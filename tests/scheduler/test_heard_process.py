"""A process that says how far it is, is asked to stop, and is never there twice."""

import sys
import time
from collections.abc import Callable, Iterator

import pytest

from scheduler.errors import ChildError
from scheduler.heard_process import Heard, HeardProcess, HeardSettings

_TALKS = """
import sys, time
for at in range(3):
    sys.stderr.write(f"\\r1/2 score {at}/3   ")
    sys.stderr.flush()
    time.sleep(0.02)
sys.stderr.write("\\n夜の支度\\n")
print('{"found": "' + "あ" * 70000 + '"}')
"""
_WAITS = """
import signal, sys, time
def ask(*_):
    print("stopped")
    sys.exit(0)
signal.signal(signal.SIGTERM, ask)
sys.stderr.write("ready\\n")
sys.stderr.flush()
time.sleep(60)
"""
_DEAF = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sys.stderr.write("ready\\n")
sys.stderr.flush()
time.sleep(60)
"""


@pytest.fixture
def started() -> Iterator[Callable[..., HeardProcess]]:
    all_started: list[HeardProcess] = []

    def start(program: str, **changes: float) -> HeardProcess:
        settings = HeardSettings(
            command=[sys.executable, "-c", program],
            nice=0,
            **changes,  # type: ignore[arg-type]
        )
        process = HeardProcess(settings)
        all_started.append(process)
        assert process.heard is None
        assert process.start()
        return process

    yield start
    for process in all_started:
        process.close()


def _wait(process: HeardProcess, reached: Callable[[Heard], bool]) -> Heard:
    for _ in range(1500):
        heard = process.heard
        if heard is not None and reached(heard):
            return heard
        time.sleep(0.02)
    raise AssertionError(f"it never came so far: {process.heard}")


def test_what_it_says_is_kept_apart(started: Callable[..., HeardProcess]) -> None:
    process = started(_TALKS)
    heard = _wait(process, lambda one: not one.running)
    assert heard.code == 0
    assert heard.output.decode() == '{"found": "' + "あ" * 70000 + '"}\n'
    assert heard.lines == ("1/2 score 0/3", "1/2 score 1/3", "1/2 score 2/3", "夜の支度")
    assert process.start(), "it can be started again"


def test_only_one_is_there(started: Callable[..., HeardProcess]) -> None:
    process = started(_WAITS)
    assert not process.start()
    process.close()
    assert not process.start()


def test_it_is_asked_to_stop(started: Callable[..., HeardProcess]) -> None:
    process = started(_WAITS)
    _wait(process, lambda one: one.lines == ("ready",))
    assert process.stop()
    heard = _wait(process, lambda one: not one.running)
    assert (heard.asked, heard.code, heard.output) == (True, 0, b"stopped\n")
    assert not process.stop()


def test_it_is_killed_when_it_does_not_listen(started: Callable[..., HeardProcess]) -> None:
    process = started(_DEAF, stop_seconds=0.1)
    _wait(process, lambda one: one.lines == ("ready",))
    process.stop()
    assert _wait(process, lambda one: not one.running).code == -9


def test_output_is_bounded(started: Callable[..., HeardProcess]) -> None:
    process = started("print('x' * 5_000_000)", most_bytes=100_000)
    assert len(_wait(process, lambda one: not one.running).output) <= 100_000


def test_a_program_that_is_not_there_ends_with_a_code() -> None:
    process = HeardProcess(HeardSettings(command=["/nowhere/at-all"], nice=0))
    assert process.start()
    heard = _wait(process, lambda one: not one.running)
    assert heard.code != 0
    assert any("FileNotFoundError" in line for line in heard.lines)


def test_too_many_processes_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> object:
        raise BlockingIOError("no more processes")

    monkeypatch.setattr("scheduler.heard_process.start_bounded", refuse)
    process = HeardProcess(HeardSettings(command=["night"]))
    with pytest.raises(ChildError, match="cannot be started"):
        process.start()
    assert process.heard is None
