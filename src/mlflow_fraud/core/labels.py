"""The label clock: what was known when. The only door to a label."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl


def known_at(event_time: pl.Expr, *, as_of: datetime, delay: timedelta) -> pl.Expr:
    """Return whether a transaction's label had arrived by `as_of`.

    A fraud is reported days to weeks later, so a label counts from `event_time + delay` on.

    >>> day = datetime(2020, 6, 1)
    >>> rows = pl.DataFrame({"at": [day, day + timedelta(days=5)]})
    >>> clock = known_at(pl.col("at"), as_of=datetime(2020, 6, 8), delay=timedelta(days=7))
    >>> rows.select(clock)["at"].to_list()
    [True, False]
    """
    return event_time + delay <= as_of
