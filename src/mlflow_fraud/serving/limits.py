"""How many requests and labels one client may send, by a bucket of tokens each."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

MOST_CLIENTS = 10_000
"""So many clients are remembered; the one that was away the longest goes first, and would find a full bucket."""


class Limit:
    """A bucket for each client: `most` at once, and `a_second` more every second."""

    def __init__(self, a_second: float, most: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.a_second, self.most, self._clock = a_second, most, clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait(self, client: str, number: int = 1) -> float:
        """Take `number` tokens and return 0, or take none and return for how many seconds there are too few.

        >>> limit = Limit(1, most=2, clock=lambda: 0.0)
        >>> [limit.wait("branch"), limit.wait("branch"), limit.wait("branch"), limit.wait("web", 3)]
        [0.0, 0.0, 1.0, inf]
        """
        if number > self.most:
            return math.inf
        now = self._clock()
        tokens, at = self._buckets.pop(client, (self.most, now))
        tokens = min(self.most, tokens + (now - at) * self.a_second)
        enough = tokens >= number
        self._buckets[client] = (tokens - number if enough else tokens, now)
        if len(self._buckets) > MOST_CLIENTS:
            del self._buckets[next(iter(self._buckets))]
        return 0.0 if enough else (number - tokens) / self.a_second
