"""Counting requests of one client in the last minute, in bounded memory."""

import time
from collections import OrderedDict
from collections.abc import Callable

_CLIENTS = 20_000
_SECONDS_PER_MINUTE = 60.0


class RateLimiter:
    """A bucket per client that refills evenly. For one thread: the event loop's."""

    def __init__(self, *, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = float(per_minute)
        self._per_second = per_minute / _SECONDS_PER_MINUTE
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admit(self, client: str) -> bool:
        """Count one request; return whether the client had one left."""
        now = self._clock()
        left, since = self._buckets.pop(client, (self._size, now))
        left = min(self._size, left + (now - since) * self._per_second)
        admitted = left >= 1
        self._buckets[client] = (left - 1 if admitted else left, now)
        if len(self._buckets) > _CLIENTS:
            self._buckets.popitem(last=False)
        return admitted
