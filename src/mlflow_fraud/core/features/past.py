"""One entity's transactions in time order, with running totals: a window is two bisections and a subtraction."""

from __future__ import annotations

import operator
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

Value = float | None
Number = int | None

SMALL, SHARE = 64, 8
"""A past of so few events stays as it is; of a larger one at least an eighth is dropped at once."""

FEWEST_DROPPED = 64


@dataclass(slots=True)
class Event:
    """A transaction as the past keeps it: what windows add up and what the last one is asked for.

    `at` is in microseconds since 1970 on the transaction's own clock. `row` has the columns that features read.
    """

    at: int
    id: Any
    row: dict[str, Any]
    scores: dict[str, Number]


View = Callable[[Event], Any]
"""What a window looks at in an event; None for what it does not see."""


class Kept(NamedTuple):
    """What a track keeps of its values: themselves, and running totals of their number, sum and squares."""

    values: bool = False
    counts: bool = False
    sums: bool = False
    squares: bool = False

    def and_also(self, other: Kept) -> Kept:
        """Return what is kept for the sake of either.

        >>> Kept(sums=True).and_also(Kept(counts=True))
        Kept(values=False, counts=True, sums=True, squares=False)
        """
        return Kept(*map(operator.or_, self, other))


class Track:
    """One view of the events, as the statistics that are asked of it need it; the other lists stay empty."""

    __slots__ = ("_kept", "_view", "counts", "squares", "sums", "values")

    def __init__(self, view: View, kept: Kept) -> None:
        self._view, self._kept = view, kept
        self.values: list[Any] = []
        self.counts: list[int] = [0]
        self.sums: list[int] = [0]
        self.squares: list[int] = [0]

    def append(self, event: Event) -> None:
        """Take an event that comes after all others."""
        value = self._view(event)
        values, counts, sums, squares = self._kept
        if values:
            self.values.append(value)
        if counts:
            self.counts.append(self.counts[-1] + (value is not None))
        if sums:
            self.sums.append(self.sums[-1] + (value or 0))
        if squares:
            self.squares.append(self.squares[-1] + (value * value if value else 0))

    def rebuild(self, events: Sequence[Event], place: int) -> None:
        """Take the events from `place` on anew."""
        del self.values[place:], self.counts[place + 1 :], self.sums[place + 1 :], self.squares[place + 1 :]
        for event in events[place:]:
            self.append(event)

    def drop(self, number: int) -> None:
        """Forget the oldest events."""
        del self.values[:number], self.counts[:number], self.sums[:number], self.squares[:number]


class Past:
    """The events of one entity that a window can still reach, and the `back` newest.

    From `since` on all that came is there; of what was before some may be missing.
    """

    __slots__ = ("_back", "_reach", "events", "since", "times", "tracks")

    def __init__(self, tracks: list[Track], *, reach: int, back: int, since: int) -> None:
        self.tracks = tracks
        self.since = since
        self.times: list[int] = []
        self.events: list[Event] = []
        self._reach, self._back = reach, back

    def add(self, event: Event, reached: int | None) -> int:
        """Put the event where it belongs in time; return how many events come after it.

        What no window can reach is forgotten, counted from where time has come: to the newest event or to `reached`,
        whichever is earlier, for an event may state a time that is not there yet.
        """
        if not self.times or event.at > self.times[-1]:
            self.times.append(event.at)
            self.events.append(event)
            for track in self.tracks:
                track.append(event)
            if len(self.times) > SMALL and reached is not None:
                self._forget(reached)
            return 0
        place = self._place(event)
        later = len(self.times) - place
        self.times.insert(place, event.at)
        self.events.insert(place, event)
        for track in self.tracks:
            track.rebuild(self.events, place)
        if len(self.times) > SMALL and reached is not None:
            self._forget(reached)
        return later

    def refresh(self, event: Event) -> None:
        """Look at an event again whose scores have changed."""
        place = self._place(event)
        while place and self.events[place - 1] is not event:
            place -= 1
        if place:
            for track in self.tracks:
                track.rebuild(self.events, place - 1)

    def _place(self, event: Event) -> int:
        """Return the place behind all that is earlier, or of the same instant with a smaller id."""
        place = bisect_right(self.times, event.at)
        while place and self.times[place - 1] == event.at and self.events[place - 1].id > event.id:
            place -= 1
        return place

    def _forget(self, reached: int) -> None:
        """Drop what no window can reach, seldom enough that the cost of a drop does not count."""
        now = min(reached, self.times[-1])
        if self.times[len(self.times) // SHARE] >= now - self._reach:
            return
        out_of_reach = min(bisect_left(self.times, now - self._reach), bisect_right(self.times, now) - self._back)
        if out_of_reach <= 0:
            return
        self.since = max(self.since, self.times[out_of_reach - 1] + 1)
        del self.times[:out_of_reach], self.events[:out_of_reach]
        for track in self.tracks:
            track.drop(out_of_reach)


class Arrivals:
    """The labels of one entity in the order of their arrival."""

    __slots__ = ("frauds", "times")

    def __init__(self) -> None:
        self.times: list[int] = []
        self.frauds: list[int] = [0]

    def add(self, arrived: int, label: int) -> None:
        """Take a label, in any order."""
        place = bisect_right(self.times, arrived)
        self.times.insert(place, arrived)
        self.frauds.insert(place + 1, self.frauds[place] + label)
        if label:
            for later in range(place + 2, len(self.frauds)):
                self.frauds[later] += 1

    def between(self, start: int, end: int) -> tuple[int, int]:
        """Return how many labels arrived in `[start, end)`, and how many of them are of fraud."""
        first, last = bisect_left(self.times, start), bisect_left(self.times, end)
        return last - first, self.frauds[last] - self.frauds[first]

    def forget(self, before: int) -> None:
        """Drop what arrived earlier, seldom enough that the cost of a drop does not count."""
        out_of_reach = bisect_left(self.times, before)
        if out_of_reach > FEWEST_DROPPED and out_of_reach > len(self.times) // 2:
            del self.times[:out_of_reach], self.frauds[:out_of_reach]
