"""`python -m scheduler.bounded NICE MEMORY_BYTES COMMAND…` becomes COMMAND, politely.

A process of its own sets its limits before it becomes the night: the server, which has threads,
must not run Python between fork and exec. 0 bytes means no bound.
"""

import os
import resource
import sys
from pathlib import Path

_FIRST_TO_DIE = "800"


def main() -> None:
    """Give way to others, bound the memory, and become the command."""
    nice, memory_bytes, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    os.nice(nice)
    if memory_bytes:
        # Private writable memory only: the address space also holds mapped weights that cost nothing.
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    _offer_to_die_first()
    os.execv(command[0], command)


def _offer_to_die_first() -> None:
    """Where the kernel runs out of memory, let it take the night, not the chat."""
    file = Path("/proc/self/oom_score_adj")
    if file.exists():
        try:
            file.write_text(_FIRST_TO_DIE, encoding="ascii")
        except OSError as error:
            sys.stderr.write(f"{file} cannot be written ({error}); the night runs all the same\n")


if __name__ == "__main__":
    main()
