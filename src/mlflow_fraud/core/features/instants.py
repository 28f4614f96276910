"""Time as the online engine counts it: microseconds since 1970 on the transaction's own clock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from mlflow_fraud.core.features.definitions import ARRIVAL, TODAY, span_of

MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1) // MICROSECOND

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 the data's own local time


def micros(at: datetime) -> int:
    """Return the instant in microseconds.

    >>> micros(datetime(1970, 1, 2)) == DAY
    True
    """
    return (at - _EPOCH) // MICROSECOND


def counts_at(transaction: Mapping[str, Any]) -> int:
    """Return when a transaction counts where windows move by hops: at its arrival, or its time where none is told."""
    return micros(transaction.get(ARRIVAL) or transaction["event_time"])


def reads_at(transaction: Mapping[str, Any]) -> int:
    """Return where such windows end for it: at its time, or its arrival where that is earlier.

    >>> noon = datetime(1970, 1, 1, 12)
    >>> reads_at({"event_time": noon, ARRIVAL: datetime(1970, 1, 1)})
    0
    """
    return min(micros(transaction["event_time"]), counts_at(transaction))


def arrival_told(at: datetime, now: datetime) -> datetime | None:
    """Return the arrival of a transaction with the time `at` that came `now`; None where it counts at its time.

    The shortest hop is an hour, so that the two differ only where they are of different hours.

    >>> noon = datetime(2020, 1, 1, 12)
    >>> arrival_told(noon, noon + timedelta(minutes=59)), arrival_told(noon, noon + timedelta(minutes=60))
    (None, datetime.datetime(2020, 1, 1, 13, 0))
    """
    return None if now.hour == at.hour and now.date() == at.date() else now


def span_micros(span: str) -> int:
    """Return a span in microseconds; 0 for the one that begins at midnight."""
    return 0 if span == TODAY else span_of(span) // MICROSECOND


def start_of(span: int, at: int) -> int:
    """Return where the window begins that ends at `at`."""
    return at - span if span else at - at % DAY


def moment(at: int) -> datetime:
    """Return the instant of so many microseconds.

    >>> moment(DAY)
    datetime.datetime(1970, 1, 2, 0, 0)
    """
    return _EPOCH + at * MICROSECOND
