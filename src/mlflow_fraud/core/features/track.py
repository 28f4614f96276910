"""One view of an entity's events with running totals, from which a window is a subtraction."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

from mlflow_fraud.core.features.event import Event, Gone, View


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


_NOT_KEPT: list[Any] = []
"""What no statistic asks for, of all tracks alike: nothing is ever added to it, and there are many tracks."""


class Track:
    """One view of the events, as the statistics that are asked of it need it; the other lists stay empty."""

    __slots__ = ("_kept", "_view", "counts", "squares", "sums", "values")

    def __init__(self, view: View, kept: Kept) -> None:
        self._view, self._kept = view, kept
        self.values: list[Any] = [] if kept.values else _NOT_KEPT
        self.counts, self.sums, self.squares = ([0] if each else _NOT_KEPT for each in kept[1:])

    def append(self, event: Event) -> None:
        """Take an event that comes after all others, and is there."""
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

    def insert(self, place: int, event: Event) -> None:
        """Take an event that comes before those from `place` on: what it adds is added to all totals behind it."""
        value = self._seen(event)
        values, counts, sums, squares = self._kept
        if values:
            self.values.insert(place, value)
        if counts:
            _insert(self.counts, place, int(value is not None))
        if sums:
            _insert(self.sums, place, value or 0)
        if squares:
            _insert(self.squares, place, value * value if value else 0)

    def rebuild(self, events: Sequence[Event], place: int) -> None:
        """Take the events from `place` on anew."""
        del self.values[place:], self.counts[place + 1 :], self.sums[place + 1 :], self.squares[place + 1 :]
        for event in events[place:]:
            if isinstance(event, Gone):
                self._pass_over()
            else:
                self.append(event)

    def change(self, place: int, before: Event, after: Event) -> None:
        """Look at another version of an event: the difference is added to all totals behind it."""
        old, new = self._seen(before), self._seen(after)
        if old == new:
            return
        values, counts, sums, squares = self._kept
        if values:
            self.values[place] = new
        if counts:
            _add(self.counts, place + 1, (new is not None) - (old is not None))
        if sums:
            _add(self.sums, place + 1, (new or 0) - (old or 0))
        if squares:
            _add(self.squares, place + 1, (new * new if new else 0) - (old * old if old else 0))

    def drop(self, number: int) -> None:
        """Forget the oldest events."""
        del self.values[:number], self.counts[:number], self.sums[:number], self.squares[:number]

    def _seen(self, event: Event) -> Any:
        return None if isinstance(event, Gone) else self._view(event)

    def _pass_over(self) -> None:
        values, *totals = self._kept
        if values:
            self.values.append(None)
        for total, kept in zip((self.counts, self.sums, self.squares), totals, strict=True):
            if kept:
                total.append(total[-1])


def _insert(totals: list[int], place: int, difference: int) -> None:
    totals.insert(place + 1, totals[place])
    _add(totals, place + 1, difference)


def _add(totals: list[int], place: int, difference: int) -> None:
    if difference:
        totals[place:] = [total + difference for total in totals[place:]]
