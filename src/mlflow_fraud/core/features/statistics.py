"""What a window says of a track between two places: differences of running totals, or a look at the values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

from mlflow_fraud.core.features.definitions import THOUSANDTHS, Statistic
from mlflow_fraud.core.features.event import Value
from mlflow_fraud.core.features.track import Kept, Track

Seen = Sequence[Any]
"""The values of a window that are there."""


def count(number: int, total: int, squares: int, seen: Seen) -> Value:
    """Return how many values are there."""
    return float(number)


def total(number: int, total: int, squares: int, seen: Seen) -> Value:
    """Return their sum; 0 for none."""
    return float(total)


def mean(number: int, total: int, squares: int, seen: Seen) -> Value:
    """Return their mean; None for none."""
    return float(total) / number if number else None


def std(number: int, total: int, squares: int, seen: Seen) -> Value:
    """Return their standard deviation; None for fewer than two."""
    if number < 2:
        return None
    middle = float(total) / number
    return math.sqrt(max(float(squares) / number - middle * middle, 0.0))


def least(number: int, total: int, squares: int, seen: Seen) -> Value:
    """Return the smallest; None for none."""
    return float(min(seen)) if seen else None


def largest(number: int, total: int, squares: int, seen: Seen) -> Value:
    """Return the largest; None for none."""
    return float(max(seen)) if seen else None


def distinct(number: int, total: int, squares: int, seen: Seen) -> Value:
    """Return how many different values there are."""
    return float(len(set(seen)))


class Asked(NamedTuple):
    """How a statistic is made of the number, sum, squares and values of a window, and what a track keeps for it."""

    of: Callable[[int, int, int, Seen], Value]
    kept: Kept


STATISTICS: Mapping[Statistic, Asked] = {
    "count": Asked(count, Kept(counts=True)),
    "sum": Asked(total, Kept(sums=True)),
    "mean": Asked(mean, Kept(counts=True, sums=True)),
    "std": Asked(std, Kept(counts=True, sums=True, squares=True)),
    "min": Asked(least, Kept(values=True)),
    "max": Asked(largest, Kept(values=True)),
    "distinct": Asked(distinct, Kept(values=True)),
}


class Wanted(NamedTuple):
    """A statistic, where it goes, and whether it is computed in thousandths."""

    place: int
    statistic: Statistic
    in_thousandths: bool


Read = Callable[[Track, int, int, list[Value]], None]
"""Fills in what the values of a track between two places say."""


def reading(wanted: Sequence[Wanted]) -> Read:
    """Return what reads all statistics of one window of a track."""
    if [each.statistic for each in wanted] != ["count"]:
        return Reading(wanted).read
    (place, _, _) = wanted[0]  # the window that most have, without a look at what it does not want

    def read(track: Track, first: int, last: int, values: list[Value]) -> None:
        counts = track.counts
        values[place] = float(last - first if counts is None else counts[last] - counts[first])

    return read


class Reading:
    """All statistics of one window of a track, which look at it once."""

    __slots__ = ("_counts", "_nothing", "_plain", "_scaled", "_squares", "_sums", "_values")

    def __init__(self, wanted: Sequence[Wanted]) -> None:
        asked = [(each.place, STATISTICS[each.statistic].of, each.in_thousandths) for each in wanted]
        self._plain = [(place, of) for place, of, scaled in asked if not scaled]
        self._scaled = [(place, of) for place, of, scaled in asked if scaled]
        self._nothing = [(place, of(0, 0, 0, ())) for place, of, _ in asked]
        kept = reduce(Kept.and_also, (STATISTICS[each.statistic].kept for each in wanted))
        self._values, self._counts, self._sums, self._squares = kept

    def read(self, track: Track, first: int, last: int, values: list[Value]) -> None:
        """Fill in what the values between two places say."""
        if first == last:
            for place, value in self._nothing:
                values[place] = value
            return
        number = total = squares = 0
        seen: Seen = ()
        if self._counts:
            counts = track.counts
            number = last - first if counts is None else counts[last] - counts[first]
        if self._sums:
            total = track.sums[last] - track.sums[first]
        if self._squares:
            squares = track.squares[last] - track.squares[first]
        if self._values:
            seen = track.values[first:last]
            if None in seen:
                seen = [value for value in seen if value is not None]
        for place, of in self._plain:
            values[place] = of(number, total, squares, seen)
        for place, of in self._scaled:
            value = of(number, total, squares, seen)
            values[place] = None if value is None else value / THOUSANDTHS
