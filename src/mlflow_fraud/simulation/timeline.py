"""How moments are counted: days as `date.toordinal` does, seconds since 1970 on the wall clock."""

from __future__ import annotations

from typing import TypeVar

from mlflow_fraud.simulation.streams import Floats, Ints

DAY_SECONDS = 86_400
EPOCH_DAY = 719_163  # 1970-01-01

Days = TypeVar("Days", int, Ints, Floats)


def seconds_at(day: Days) -> Days:
    """Return the seconds since 1970 at a day's beginning.

    >>> seconds_at(719_164)
    86400
    """
    return (day - EPOCH_DAY) * DAY_SECONDS
