"""An owner counts as dead only when it certainly is."""

import os
import socket
import subprocess
import sys

import pytest

from store.owners import is_gone, this_process

_NAME = "from store.owners import this_process; print(this_process(), flush=True)"


def test_the_living_are_not_gone() -> None:
    assert not is_gone(this_process())


@pytest.mark.parametrize(
    "owner", ["", "test", "process-3", "elsewhere/1/5", f"{socket.gethostname()}/x/y", "a/b/1/2"]
)
def test_who_cannot_be_looked_for_may_live(owner: str) -> None:
    assert not is_gone(owner)


def test_the_dead_are_gone_reaped_or_not() -> None:
    with subprocess.Popen([sys.executable, "-c", _NAME], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        owner = process.stdout.readline().decode().strip()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert is_gone(owner), "not reaped yet"
    assert is_gone(owner)


def test_a_number_that_is_anothers_now_is_gone() -> None:
    host, number, began = this_process().rsplit("/", 2)
    assert is_gone(f"{host}/{number}/{int(began) - 60}")
