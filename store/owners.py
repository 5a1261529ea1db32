"""Who holds a night: a process of a host, named so that others can see whether it is still there."""

import os
import socket

import psutil

_APART_SECONDS = 2


def this_process() -> str:
    """Return host, process number, and how many seconds after the boot the process began."""
    return f"{socket.gethostname()}/{os.getpid()}/{_began(psutil.Process())}"


def is_gone(owner: str) -> bool:
    """Whether an owner that `this_process` named is certainly dead.

    Only a process of this host can be looked for; the number of a dead one may be another's now.
    """
    host, *numbers = owner.rsplit("/", 2)
    if host != socket.gethostname() or len(numbers) != 2:
        return False
    if not all(number.isdecimal() for number in numbers):
        return False
    try:
        process = psutil.Process(int(numbers[0]))
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        return abs(_began(process) - int(numbers[1])) > _APART_SECONDS
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False


def _began(process: psutil.Process) -> int:
    # Against the boot, because setting the clock moves both.
    seconds: float = process.create_time() - psutil.boot_time()
    return round(seconds)
