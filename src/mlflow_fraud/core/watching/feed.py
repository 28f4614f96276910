"""Whether payments and labels come as they do: volume against the same weekday, silence, how late labels are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

WEEKS_BACK = 8
FEWEST_WEEKDAYS = 3


class Lag(NamedTuple):
    """Days from a payment to what was said of it: the median, and what nine of ten do not exceed."""

    median: float
    most: float


def against_weekday(volumes: Mapping[date, int], day: date) -> float | None:
    """Return a day's payments over the median of the same weekday in the eight weeks before.

    None where fewer than three of these are known. A day without any payment is one of 0 once a later one has some.

    >>> volumes = {date(2021, 1, 4) + timedelta(days=number): 100 for number in range(28)}
    >>> against_weekday(volumes | {date(2021, 2, 1): 150}, date(2021, 2, 1))
    1.5
    >>> against_weekday(volumes, date(2021, 1, 5)) is None
    True
    """
    first = min(volumes, default=day)
    before = [day - timedelta(weeks=number) for number in range(1, WEEKS_BACK + 1)]
    known = [volumes.get(each, 0) for each in before if each >= first]
    usual = float(np.median(known)) if len(known) >= FEWEST_WEEKDAYS else 0.0
    return volumes.get(day, 0) / usual if usual else None


def days_without(volumes: Mapping[date, int], days: Sequence[date]) -> list[date]:
    """Return those of `days` between the first and the last payment on which none came.

    >>> days_without({date(2021, 1, 4): 9, date(2021, 1, 6): 8}, [date(2021, 1, 5), date(2021, 1, 7)])
    [datetime.date(2021, 1, 5)]
    """
    return [day for day in days if volumes and min(volumes) < day < max(volumes) and not volumes.get(day)]


def longest_silence(times: npt.NDArray[np.datetime64]) -> float | None:
    """Return the longest time between two payments in hours; None where there are not two. `times` is in order.

    >>> longest_silence(np.array(["2021-01-04T08", "2021-01-04T09", "2021-01-04T15"], "datetime64[us]"))
    6.0
    """
    return float(np.diff(times).max() / np.timedelta64(1, "h")) if len(times) > 1 else None


def lag_of(paid: npt.NDArray[np.datetime64], told: npt.NDArray[np.datetime64]) -> Lag | None:
    """Return how late labels came.

    >>> paid = np.array(["2021-01-04", "2021-01-04"], "datetime64[us]")
    >>> lag_of(paid, np.array(["2021-01-05", "2021-01-07"], "datetime64[us]"))
    Lag(median=2.0, most=2.8)
    """
    if not len(paid):
        return None
    days = (told - paid) / np.timedelta64(1, "D")
    median, most = np.quantile(days, [0.5, 0.9])
    return Lag(float(median), float(most))
