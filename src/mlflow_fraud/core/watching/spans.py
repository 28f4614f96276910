"""The windows of time in which what is live is looked at: days, weeks, and weeks pooled until frauds are enough."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Literal, NamedTuple

Kind = Literal["day", "week", "pool", "file"]

DAY, WEEK = timedelta(days=1), timedelta(days=7)


class Span(NamedTuple):
    """Event times from `since` on and before `until`, on the contract's clock.

    >>> Span("week", datetime(2021, 2, 1), datetime(2021, 2, 8)).name
    '2021-W05'
    >>> Span("pool", datetime(2021, 1, 25), datetime(2021, 2, 8)).name
    '2021-01-25 to 2021-02-07'
    """

    kind: Kind
    since: datetime
    until: datetime

    @property
    def name(self) -> str:
        """The day, the week of ISO 8601, or the first and the last day."""
        if self.kind == "week":
            year, week, _ = self.since.isocalendar()
            return f"{year}-W{week:02d}"
        first, last = self.since.date(), (self.until - timedelta(microseconds=1)).date()
        return f"{first}" if first == last else f"{first} to {last}"

    def is_mature(self, horizon: timedelta, as_of: datetime) -> bool:
        """Return whether every payment of it is `horizon` old, so that its labels count and stay."""
        return self.until + horizon <= as_of


def days_between(first: date, last: date) -> list[Span]:
    """Return the days from `first` to `last`, both included.

    >>> [day.name for day in days_between(date(2021, 2, 27), date(2021, 3, 1))]
    ['2021-02-27', '2021-02-28', '2021-03-01']
    """
    begins = [datetime.combine(first, time()) + number * DAY for number in range((last - first).days + 1)]
    return [Span("day", begin, begin + DAY) for begin in begins]


def weeks_between(first: date, last: date) -> list[Span]:
    """Return the weeks, Monday to Sunday, that lie whole between two days, both included.

    >>> [week.name for week in weeks_between(date(2021, 1, 1), date(2021, 1, 20))]
    ['2021-W01', '2021-W02']
    """
    begin = datetime.combine(first + timedelta(days=-first.weekday() % 7), time())
    end = datetime.combine(last, time()) + DAY
    return [Span("week", begin + number * WEEK, begin + (number + 1) * WEEK) for number in range((end - begin) // WEEK)]


def pools_of(weeks: Sequence[Span], frauds: Sequence[int], least: int) -> list[Span]:
    """Return for each week the shortest run of weeks that ends with it and has `least` frauds, where there is one.

    `weeks` follow each other, `frauds` has how many each holds. Runs overlap: what is seen in one week
    is told with as many weeks before it as it takes to tell it.

    >>> weeks = weeks_between(date(2021, 1, 4), date(2021, 1, 31))
    >>> [pool.name for pool in pools_of(weeks, [5, 9, 2, 12], least=11)]
    ['2021-01-04 to 2021-01-17', '2021-01-11 to 2021-01-24', '2021-01-25 to 2021-01-31']
    """
    pools = []
    for last, week in enumerate(weeks):
        held = 0
        for first in range(last, -1, -1):
            held += frauds[first]
            if held >= least:
                pools.append(Span("pool", weeks[first].since, week.until))
                break
    return pools
