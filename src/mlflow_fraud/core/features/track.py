"""One view of an entity's events with running totals, from which a window is a subtraction."""

from __future__ import annotations

import operator
from array import array
from typing import Any, NamedTuple

from mlflow_fraud.core.features.event import Event, Gone, View
from mlflow_fraud.core.features.totals import Totals, begun, changed, inserted


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
    """One view of the events, as the statistics that are asked of it need it; the other lists stay empty.

    Where sums are kept, too, `counts` is None until an event without a value comes: as many are there as events.
    """

    __slots__ = ("_kept", "_view", "counts", "squares", "sums", "values")

    def __init__(self, view: View, kept: Kept) -> None:
        self._view, self._kept = view, kept
        self.values: list[Any] = [] if kept.values else _NOT_KEPT
        self.counts: Totals | None = begun() if kept.counts and not kept.sums else None
        self.sums: Totals = begun() if kept.sums else _NOT_KEPT
        self.squares: Totals = begun() if kept.squares else _NOT_KEPT

    def append(self, event: Event) -> None:
        """Take an event that comes after all others, and is there."""
        value = self._view(event)
        values, counts, sums, squares = self._kept
        if values:
            self.values.append(value)
        if counts:
            counted = self.counts
            if counted is None and value is None:
                counted = self._counted()
            if counted is not None:
                counted.append(counted[-1] + (value is not None))
        if sums:
            total = self.sums[-1] + (value or 0)
            try:
                self.sums.append(total)
            except (OverflowError, TypeError):
                self.sums = [*self.sums, total]
        if squares:
            total = self.squares[-1] + (value * value if value else 0)
            try:
                self.squares.append(total)
            except (OverflowError, TypeError):
                self.squares = [*self.squares, total]

    def insert(self, place: int, event: Event) -> None:
        """Take an event that comes before those from `place` on: what it adds is added to all totals behind it."""
        value = self._seen(event)
        values, counts, sums, squares = self._kept
        if values:
            self.values.insert(place, value)
        if counts and (value is None or self.counts is not None):
            self.counts = inserted(self._counted(), place, int(value is not None))
        if sums:
            self.sums = inserted(self.sums, place, value or 0)
        if squares:
            self.squares = inserted(self.squares, place, value * value if value else 0)

    def change(self, place: int, event: Event) -> None:
        """Look at another version of an event, or at other scores: the difference is added to all totals behind it."""
        value = self._seen(event)
        values, counts, sums, squares = self._kept
        if values:
            self.values[place] = value
        if counts and (value is None or self.counts is not None):
            self.counts = changed(self._counted(), place, int(value is not None))
        if sums:
            self.sums = changed(self.sums, place, value or 0)
        if squares:
            self.squares = changed(self.squares, place, value * value if value else 0)

    def drop(self, number: int) -> None:
        """Forget the oldest events."""
        del self.values[:number], self.sums[:number], self.squares[:number]
        if self.counts is not None:
            del self.counts[:number]

    def _counted(self) -> Totals:
        """Return the counts; to begin with each event so far has a value."""
        if self.counts is None:
            self.counts = array("q", range(len(self.sums)))
        return self.counts

    def _seen(self, event: Event) -> Any:
        return None if isinstance(event, Gone) else self._view(event)
