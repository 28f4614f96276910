"""Time as the online engine counts it: microseconds since 1970 on the transaction's own clock."""

from __future__ import annotations

from datetime import datetime, timedelta

from mlflow_fraud.core.features.definitions import TODAY, span_of

MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1) // MICROSECOND

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 the data's own local time


def micros(at: datetime) -> int:
    """Return the instant in microseconds.

    >>> micros(datetime(1970, 1, 2)) == DAY
    True
    """
    return (at - _EPOCH) // MICROSECOND


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
