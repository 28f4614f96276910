"""Where a batch stands in time: days without a row, its pace, and whether it reaches back."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

import numpy as np
import polars as pl

from mlflow_fraud.core.gate.columns import DAY, DIGITS, WHICH, Row

NAMED = 3
"""So many missing days are named."""


class Before(NamedTuple):
    """What is known of the batches before one: the newest moment, the last day, the rows a day of each."""

    end: datetime | None = None
    last_day: date | None = None
    paces: tuple[float, ...] = ()


def in_time(batch: pl.DataFrame, before: Before) -> Row:
    """Return what the batch shows against the time of those before it."""
    days = batch[DAY].unique().sort()
    begin = days[0] if before.last_day is None else min(before.last_day, days[0])
    expected = pl.date_range(begin, days[-1], eager=True)
    back = (before.end - batch["event_time"][0]).total_seconds() if before.end else 0.0
    missing = [day for day in expected.filter(~expected.is_in(days.implode())) if day != before.last_day and back <= 0]
    pace = _pace(batch) / float(np.median(before.paces)) if before.paces else None
    return {
        "missing_days": len(missing),
        f"missing_days{WHICH}": _named(missing),
        "seconds_back": max(back, 0.0),
        "rows_against_history": None if pace is None else round(pace, DIGITS),
    }


def including(before: Before, batch: pl.DataFrame) -> Before:
    """Return what is known with this batch."""
    end, last_day = batch["event_time"][-1], batch[DAY][-1]
    return Before(
        end=max(end, before.end or end),
        last_day=max(last_day, before.last_day or last_day),
        paces=(*before.paces, _pace(batch)),
    )


def _pace(batch: pl.DataFrame) -> float:
    return len(batch) / batch[DAY].n_unique()


def _named(days: list[date]) -> str | None:
    """Return the first days by name, and how many more there are.

    >>> _named([date(2020, 2, day) for day in range(1, 6)])
    '2020-02-01, 2020-02-02, 2020-02-03 and 2 more'
    """
    more = f" and {len(days) - NAMED} more" if len(days) > NAMED else ""
    return ", ".join(map(str, days[:NAMED])) + more if days else None
