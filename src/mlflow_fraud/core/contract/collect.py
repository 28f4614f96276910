"""How often what a service saw becomes a batch, and which whole days are one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple

from pydantic import Field

from mlflow_fraud.core.strict import Strict

COLLECTED = "collected-"
"""How the name of every batch that comes from the record begins; the days of its first and last row follow."""

_DAYS = re.compile(rf"{COLLECTED}(\d{{4}}-\d\d-\d\d)_(\d{{4}}-\d\d-\d\d)(?:-\d+)?\.")


class Collect(Strict):
    """How the record becomes batches: so many whole days are one, a week by default."""

    every: str = Field(default="7d", pattern="^[1-9][0-9]{0,2}d$")

    @property
    def days(self) -> int:
        """So many days are one batch."""
        return int(self.every.removesuffix("d"))


class Span(NamedTuple):
    """Whole days, from the `first` to before the day `until`."""

    first: date
    until: date

    def meets(self, other: Span) -> bool:
        """Return whether a day is in both."""
        return self.first < other.until and other.first < self.until


def collected_days(file: str) -> Span | None:
    """Return the days of a batch that comes from the record, by its file's name; None for any other.

    >>> collected_days("collected-2020-03-02_2020-03-08-2.parquet.dvc")
    Span(first=datetime.date(2020, 3, 2), until=datetime.date(2020, 3, 9))
    >>> collected_days("2020-03.csv") is None
    True
    """
    found = _DAYS.match(file)
    if found is None:
        return None
    first, last = (date.fromisoformat(day) for day in found.groups())
    return Span(first, last + timedelta(days=1))


def mature_until(as_of: datetime, horizon: timedelta) -> date:
    """Return the first day of which some row may still be too young at `as_of`: all days before it are mature whole.

    >>> mature_until(datetime(2020, 6, 15, 12), timedelta(days=7))
    datetime.date(2020, 6, 8)
    """
    return (as_of - horizon).date()


def spans_due(days: Iterable[date], every: int, until: date) -> list[Span]:
    """Return the spans of `every` days that are over before the day `until` and have one of the `days`.

    They are counted from the first day of the calendar, so that a week begins on a Monday, and whoever collects finds
    the same ones.

    >>> spans_due([date(2020, 6, 3), date(2020, 6, 9)], 7, date(2020, 6, 14))
    [Span(first=datetime.date(2020, 6, 1), until=datetime.date(2020, 6, 8))]
    """
    numbers = sorted({(day.toordinal() - 1) // every for day in days})
    spans = [Span(*(date.fromordinal(each * every + 1) for each in (number, number + 1))) for number in numbers]
    return [span for span in spans if span.until <= until]
