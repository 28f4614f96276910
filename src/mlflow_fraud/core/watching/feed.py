"""Whether payments and labels come as they do: volume against the same weekday, silence, how late labels are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from math import log
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

WEEKS_BACK = 8
FEWEST_WEEKDAYS = 3


class Lag(NamedTuple):
    """Days from a payment to what was said of it: the median, and what nine of ten do not exceed."""

    median: float
    most: float


LABELS_BACK = timedelta(days=90)
"""What is usual of labels is what was in so long before the last one."""
FEWEST_LABEL_DAYS = 5
"""Of labels that came on fewer days nobody can say how long they may stay away."""
UNLIKELY = 0.001
"""A silence that chance makes so rarely is the feed's."""


class Silence(NamedTuple):
    """Since when no label has come, for how many days, and how many by its own past are plausible."""

    since: datetime
    days: float
    plausible: float


def silence_of_labels(days: Sequence[date], first: datetime, last: datetime, now: datetime) -> Silence | None:
    """Return the silence of a feed of labels at `now`, where it is longer than chance would make it; None otherwise.

    `days` are those on which a label came in the `LABELS_BACK` before the `last` one, `first` is when the first ever
    came. Of a Poisson process nothing comes in t days with probability exp(-rate t). Days are counted in place of
    labels, for one burst of fraud, or one file of a week's labels, is one event. Where they are too few to tell, None.

    >>> days = [date(2021, 1, 1) + timedelta(days=each) for each in range(90)]
    >>> first, last = datetime(2020, 1, 1), datetime(2021, 3, 31)
    >>> silence_of_labels(days, first, last, datetime(2021, 4, 6))
    >>> silence = silence_of_labels(days, first, last, datetime(2021, 4, 10))
    >>> silence.days, round(silence.plausible, 3)
    (10.0, 6.908)
    """
    known = min(LABELS_BACK, last - first + timedelta(days=1))
    if len(days) < FEWEST_LABEL_DAYS:
        return None
    silent, plausible = (now - last) / timedelta(days=1), -log(UNLIKELY) * (known / timedelta(days=1)) / len(days)
    return Silence(last, silent, plausible) if silent > plausible else None


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
