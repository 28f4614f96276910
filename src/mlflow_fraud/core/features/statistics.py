"""What a window says of a track between two places: differences of running totals, or a look at the values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from mlflow_fraud.core.features.definitions import Statistic
from mlflow_fraud.core.features.event import Value
from mlflow_fraud.core.features.track import Kept, Track


def count(track: Track, first: int, last: int) -> Value:
    """Return how many values are there."""
    return float(track.counts[last] - track.counts[first])


def total(track: Track, first: int, last: int) -> Value:
    """Return their sum; 0 for none."""
    return float(track.sums[last] - track.sums[first])


def mean(track: Track, first: int, last: int) -> Value:
    """Return their mean; None for none."""
    return mean_of(track.counts[last] - track.counts[first], track.sums[last] - track.sums[first])


def mean_of(number: int, total: int) -> Value:
    """Return the mean of so many with that sum; None for none."""
    return float(total) / number if number else None


def std(track: Track, first: int, last: int) -> Value:
    """Return their standard deviation; None for fewer than two."""
    return std_of(
        track.counts[last] - track.counts[first],
        track.sums[last] - track.sums[first],
        track.squares[last] - track.squares[first],
    )


def std_of(number: int, total: int, squares: int) -> Value:
    """Return the standard deviation of so many with that sum and sum of squares; None for fewer than two."""
    if number < 2:
        return None
    middle = float(total) / number
    return math.sqrt(max(float(squares) / number - middle * middle, 0.0))


def least(track: Track, first: int, last: int) -> Value:
    """Return the smallest; None for none."""
    seen = _seen(track, first, last)
    return float(min(seen)) if seen else None


def largest(track: Track, first: int, last: int) -> Value:
    """Return the largest; None for none."""
    seen = _seen(track, first, last)
    return float(max(seen)) if seen else None


def distinct(track: Track, first: int, last: int) -> Value:
    """Return how many different values there are."""
    seen = set(track.values[first:last])
    seen.discard(None)
    return float(len(seen))


def _seen(track: Track, first: int, last: int) -> list[int]:
    values = track.values[first:last]
    if track.counts[last] - track.counts[first] == last - first:
        return values
    return [value for value in values if value is not None]


class Asked(NamedTuple):
    """How a statistic is read off a track, and what the track has to keep for it."""

    of: Callable[[Track, int, int], Value]
    kept: Kept


STATISTICS: Mapping[Statistic, Asked] = {
    "count": Asked(count, Kept(counts=True)),
    "sum": Asked(total, Kept(sums=True)),
    "mean": Asked(mean, Kept(counts=True, sums=True)),
    "std": Asked(std, Kept(counts=True, sums=True, squares=True)),
    "min": Asked(least, Kept(values=True, counts=True)),
    "max": Asked(largest, Kept(values=True, counts=True)),
    "distinct": Asked(distinct, Kept(values=True)),
}
