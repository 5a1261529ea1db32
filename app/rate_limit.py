"""Counting what one client does in some time, in bounded memory."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

_CLIENTS = 20_000


class RateLimiter:
    """A bucket per client that refills evenly: `times` in `seconds`. Safe from any thread."""

    def __init__(
        self,
        *,
        times: int,
        seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._size = float(times)
        self._per_second = times / seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admit(self, client: str) -> bool:
        """Count one deed; return whether the client had one left."""
        with self._lock:
            now = self._clock()
            left, since = self._buckets.pop(client, (self._size, now))
            left = min(self._size, left + (now - since) * self._per_second)
            admitted = left >= 1
            self._buckets[client] = (left - 1 if admitted else left, now)
            if len(self._buckets) > _CLIENTS:
                self._buckets.popitem(last=False)
            return admitted

    def forgive(self, client: str) -> None:
        """Count nothing that the client did so far."""
        with self._lock:
            self._buckets.pop(client, None)
