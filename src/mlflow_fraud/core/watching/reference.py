"""What a release has learned from, in counts: the reference that it carries, against which its windows are held.

A checkout's train file is the reference of what was trained there last, which may be another model's.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from mlflow_fraud.core.errors import ReleaseRejected
from mlflow_fraud.core.measuring.interval import Bounds
from mlflow_fraud.core.strict import Strict
from mlflow_fraud.core.watching.binned import FEWEST, TAIL, Bins, Counts, Moved, Values, count, moved
from mlflow_fraud.core.watching.expected import Expected
from mlflow_fraud.core.watching.missed import Promise

MONTHS = 12

Months = npt.NDArray[np.int64]
"""Of each row the month of the calendar, 1 to 12."""


class Column(Strict):
    """The bins of a feature over all rows that were learned, and its counts in each month that has rows enough."""

    bins: Bins
    months: dict[int, tuple[int, ...]]


class Reference(Strict):
    """`columns` are those of the rows that were learned, from `since` to `until`.

    `score`, `expected`, `bursts` and `promised` are of the test: what scores were given by models that had not learned
    its rows, what these expected, the bursts that were caught and how many there were, and the intervals of metrics.
    """

    rows: int
    since: datetime
    until: datetime
    columns: dict[str, Column]
    score: Bins
    expected: tuple[float, ...]
    bursts: tuple[int, int] | None
    promised: dict[str, Bounds | None]

    @property
    def promise(self) -> Promise | None:
        """How many bursts the test missed, None where data has none."""
        return Promise(self.bursts[1] - self.bursts[0], int(self.foreseen.rows)) if self.bursts else None

    @property
    def foreseen(self) -> Expected:
        """What the probabilities of the test expected."""
        return Expected(*self.expected)


class Distance(NamedTuple):
    """How far a column is from the reference: from all that was learned, and from the same months of the calendar."""

    whole: Moved
    season: Moved | None

    @property
    def drift(self) -> float:
        """The smaller of the two PSI: what every December has is no drift."""
        return self.whole.psi if self.season is None else min(self.whole.psi, self.season.psi)


def columns_of(features: Mapping[str, Values], months: Months) -> dict[str, Column]:
    """Return the columns of rows that were learned; `months` has the month of each."""
    return {name: _column(values, months) for name, values in features.items()}


def score_bins(scores: Values) -> Bins:
    """Return the bins of honest scores, finer where what is flagged lies."""
    return Bins.of(scores, TAIL)


def counts_of(features: Mapping[str, Values], reference: Reference) -> dict[str, Counts]:
    """Return the counts of a window's rows in the reference's bins; what the reference has not is left out."""
    return {
        name: count(values, reference.columns[name].bins.edges)
        for name, values in features.items()
        if name in reference.columns
    }


def distances(counts: Mapping[str, Counts], months: Mapping[int, int], reference: Reference) -> dict[str, Distance]:
    """Return how far each column is off; none of a window with too few rows.

    `months` says how many of the window's rows are of which month: so many parts of the reference's own months are what
    it would look like in its season. Where one of them was not learned the season is not known.
    """
    found = {}
    for name, now in counts.items():
        column = reference.columns[name]
        whole = moved(column.bins.counts, now)
        if whole is not None:
            season = _season(column, months)
            found[name] = Distance(whole, None if season is None else moved(season, now))
    return found


def largest(found: Mapping[str, Distance], of: Collection[str], *, of_the_clock: Collection[str]) -> float | None:
    """Return the largest drift of some columns; None where none is known.

    Where a season is not known, what the calendar alone moves, the features `of_the_clock`, says nothing.
    """
    drifts = [
        each.drift for name, each in found.items() if name in of and not (each.season is None and name in of_the_clock)
    ]
    return max(drifts, default=None)


def read_reference(content: bytes, *, version: str) -> Reference:
    """Return the reference of a release; raise `ReleaseRejected` where it is none."""
    try:
        return Reference.model_validate(json.loads(content))
    except (ValueError, ValidationError, RecursionError) as error:
        raise ReleaseRejected(f"release {version}: its reference cannot be read ({error}); promote again") from None


def to_json(reference: Reference) -> bytes:
    """Return the bytes of `reference.json`."""
    return (json.dumps(reference.model_dump(mode="json"), sort_keys=True, separators=(",", ":")) + "\n").encode()


def month_rows(months: Iterable[int]) -> dict[int, int]:
    """Return how many rows are of which month.

    >>> month_rows([11, 12, 12])
    {11: 1, 12: 2}
    """
    found = np.bincount(np.fromiter(months, np.int64), minlength=MONTHS + 1)
    return {month: int(found[month]) for month in range(1, MONTHS + 1) if found[month]}


def _column(values: Values, months: Months) -> Column:
    bins = Bins.of(values)
    of_month = {month: count(values[months == month], bins.edges) for month in range(1, MONTHS + 1)}
    return Column(
        bins=bins, months={month: tuple(each.tolist()) for month, each in of_month.items() if each.sum() >= FEWEST}
    )


def _season(column: Column, months: Mapping[int, int]) -> npt.NDArray[np.float64] | None:
    """Return the counts of the months in the window's proportion, None where one of them is not known."""
    if not months or any(month not in column.months for month in months):
        return None
    shares = [np.array(column.months[month]) / sum(column.months[month]) for month in months]
    rows = np.array(list(months.values()), np.float64)
    mixed: npt.NDArray[np.float64] = (rows / rows.sum()) @ np.array(shares)
    return mixed * min(sum(column.months[month]) for month in months)
