"""What now is where no clock can be asked: told from the transactions, of which not one alone is believed."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

T = TypeVar("T", int, datetime)

SEVERAL = 3
"""So many different cards have to have reached a time before it counts."""

IN_A_ROW = 10
"""So many in a row, of several cards, have to be ahead before the clock believes that so much time has passed."""

STEADY = 64
"""So many in a row are looked at together: by the least of their times, and by the time that they took."""


class Steady(Generic[T]):
    """Up to where time has surely come: to the least time among `STEADY` in a row, the largest of these.

    So not one transaction moves it, nor some dozens, whatever time they state, and one that comes late moves it as
    little. None before there were so many.
    """

    __slots__ = ("_least", "number", "reached")

    def __init__(self) -> None:
        self.reached: T | None = None
        self.number = 0
        self._least: deque[tuple[int, T]] = deque()  # those that are less than all after them, with their numbers

    def note(self, at: T) -> None:
        """Take in the next transaction's time."""
        least = self._least
        while least and least[-1][1] >= at:
            least.pop()
        least.append((self.number, at))
        self.number += 1
        if self.number < STEADY:
            return
        if least[0][0] < self.number - STEADY:
            least.popleft()
        if self.reached is None or least[0][1] > self.reached:
            self.reached = least[0][1]


class StreamClock:
    """The newest time that several different cards have reached; None while there are too few to tell.

    A time that is further ahead than the tolerance is not admitted; where transactions come seldom, than half the
    time that the last `STEADY` took, told from their median, so that a few with a wrong time do not widen it. After a
    longer pause all are ahead: once `IN_A_ROW` came without one in time among them, the clock goes on to the earliest
    of these.

    >>> clock, day = StreamClock(timedelta(days=1)), datetime(2020, 6, 1)
    >>> for card in (1, 2, 3, 4):
    ...     clock.note(card, day + timedelta(minutes=card))
    >>> clock.now
    datetime.datetime(2020, 6, 1, 0, 2)
    >>> clock.admits(4, "of 2034", datetime(2034, 1, 1)), clock.admits(4, "of today", day)
    (False, True)
    """

    def __init__(self, tolerance: timedelta) -> None:
        self.now: datetime | None = None
        self._tolerance = tolerance
        self._newest: dict[Hashable, datetime] = {}
        self._are_more = False
        self._times: deque[datetime] = deque(maxlen=STEADY)
        self._taken = 0
        self._admitted: datetime | None = None
        self._ahead: dict[Hashable, tuple[Hashable, datetime]] = {}

    @property
    def last(self) -> datetime | None:
        """The last time that is admitted; None while there are too few transactions to tell."""
        if self.now is None:
            return None
        times = sorted(self._times)
        middle = len(times) // 2
        seldom = (self.now - times[middle]) / (len(times) - middle) * (STEADY // 2)
        return max(self.now, self._admitted or self.now) + max(self._tolerance, seldom)

    def admits(self, card: Hashable, event_id: Hashable, at: datetime) -> bool:
        """Return whether a transaction's time may be; remember of one that is ahead that it was there."""
        if self.now is None:
            return True
        if at <= self.now + self._tolerance or at <= (self.last or at):
            self._ahead.clear()
            self._admitted = max(self._admitted or at, at)
            return True
        self._ahead[event_id] = (card, at)
        if len(self._ahead) > IN_A_ROW:
            del self._ahead[next(iter(self._ahead))]
        cards = {each for each, _ in self._ahead.values()}
        if len(self._ahead) < IN_A_ROW or len(cards) < SEVERAL:
            return False
        earliest = min(when for _, when in self._ahead.values())
        for each in cards:
            self.note(each, earliest)
        self._ahead.clear()
        return self.admits(card, event_id, at)

    def note(self, card: Hashable, at: datetime) -> None:
        """Take in a transaction that belongs to the past from now on."""
        self._times.append(at)
        self._taken += 1
        newest = self._newest
        if card in newest:
            newest[card] = max(newest[card], at)
        elif len(newest) < SEVERAL:
            newest[card] = at
        else:
            self._are_more = True
            oldest = min(newest, key=newest.__getitem__)
            if at > newest[oldest]:
                del newest[oldest]
                newest[card] = at
        if len(newest) == SEVERAL and (self._are_more or self._taken >= IN_A_ROW):
            self.now = min(newest.values())
