"""Starting a process that gives way to the chat."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """nice: 0..19. threads: of each numeric library. memory_bytes: of private memory, 0 for no
    bound. environment: variables beside those that are there."""

    nice: int = 10
    threads: int = 1
    memory_bytes: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)


def start_bounded(
    command: Sequence[str],
    output: IO[bytes],
    bounds: Bounds,
    *,
    given: IO[bytes] | None = None,
    errors: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own; what it says goes to `output`, its complaints to
    `errors` if that is given.

    `given` is its input, None for an empty one. Raises OSError.
    """
    threads = dict.fromkeys(_THREAD_VARIABLES, str(bounds.threads))
    quiet = {"OMP_WAIT_POLICY": "PASSIVE", "TOKENIZERS_PARALLELISM": "false"}
    limits = [str(bounds.nice), str(bounds.memory_bytes)]
    return subprocess.Popen(
        [sys.executable, "-m", "scheduler.bounded", *limits, *command],
        stdin=subprocess.DEVNULL if given is None else given,
        stdout=output,
        stderr=subprocess.STDOUT if errors is None else errors,
        env={**os.environ, **threads, **quiet, **bounds.environment},
        start_new_session=True,
    )
