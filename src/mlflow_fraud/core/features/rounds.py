"""Cards or merchants are looked at in rounds, a few for each transaction: nobody waits for all of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from mlflow_fraud.core.features.event import ALWAYS

LOOKED_AT = 2
"""So many are looked at for each transaction of a round, until it has seen all."""

PAUSE = 86_400_000_000
"""So long after a round began the next one does: microseconds of the transactions' own time."""


class Rounds:
    """Who is there, in the order in which they are looked at.

    >>> rounds = Rounds()
    >>> for card in "abc":
    ...     rounds.add(card)
    >>> rounds.due(0), rounds.due(0), rounds.due(PAUSE - 1)
    (['a', 'b'], ['c'], ())
    >>> rounds.add("a")
    >>> rounds.due(PAUSE - 1), rounds.due(PAUSE)
    ((), ['a'])
    """

    def __init__(self) -> None:
        self._turns: deque[Any] = deque()
        self._left, self._next = 0, ALWAYS  # of this round, and when the next one begins

    def add(self, key: Any) -> None:
        """Take in one that is there, behind all others."""
        self._turns.append(key)

    def due(self, reached: int) -> Sequence[Any]:
        """Return who is looked at now that time has come to `reached`: they are out until they are added again."""
        if not self._left:
            if reached < self._next:  # nearly always
                return ()
            self._left, self._next = len(self._turns), reached + PAUSE
        number = min(LOOKED_AT, self._left)
        self._left -= number
        return [self._turns.popleft() for _ in range(number)]
