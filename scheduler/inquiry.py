"""Asking a short-lived process one thing and reading its answer."""

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence

from scheduler.bounded_process import Bounds, start_bounded
from scheduler.errors import ChildError

_POLL_SECONDS = 0.1


def inquire(
    command: Sequence[str],
    question: bytes,
    bounds: Bounds,
    stop: threading.Event,
    seconds: float,
) -> bytes:
    """Run `command` with the question as its input; return the last line it wrote.

    Question and answer pass through files without a name, so that nothing outlives the two.
    Raises ChildError when it fails, takes longer than `seconds`, or `stop` is set.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
        given.write(question)
        given.seek(0)
        process = start_bounded(command, said, bounds, given=given)
        try:
            code = _wait(process, stop, seconds)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        said.seek(0)
        lines = said.read().splitlines()
    if code is None:
        raise ChildError(
            f"{command[-1]} was stopped, or did not answer within {seconds:g} seconds; try again"
        )
    if code or not lines:
        raise ChildError(
            f"{command[-1]} ended with {code} and {len(lines)} lines; expected 0 and an answer; "
            "run yogeiko doctor"
        )
    return lines[-1]


def _wait(process: "subprocess.Popen[bytes]", stop: threading.Event, seconds: float) -> int | None:
    """Return the exit code; None when it was not waited for to the end."""
    waited = 0.0
    while waited < seconds and not stop.is_set():
        try:
            return process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            waited += _POLL_SECONDS
    return None
