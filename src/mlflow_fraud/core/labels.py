"""Labels, and the label clock: what was known when. The only door to a label."""

from __future__ import annotations

from collections.abc import Container
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

Labels = npt.NDArray[np.int8]
"""1 for a fraud, else 0, a row each."""
LABEL_TIME = "label_time"


def arrival(columns: Container[str], delay: timedelta) -> pl.Expr:
    """Return when a transaction's label arrives: at its own `label_time` where `columns` has one, else after `delay`.

    A fraud is reported days to weeks later; `delay` is the time that a data set without arrival times assumes.
    """
    assumed = pl.col("event_time") + delay
    return pl.coalesce(LABEL_TIME, assumed) if LABEL_TIME in columns else assumed


def is_mature(horizon: timedelta, *, as_of: datetime) -> pl.Expr:
    """Return whether a transaction was `horizon` old at `as_of`, so that it counts, whatever came early.

    >>> day = datetime(2020, 6, 1)
    >>> rows = pl.DataFrame({"event_time": [day, day + timedelta(days=5)]})
    >>> rows.select(is_mature(timedelta(days=7), as_of=datetime(2020, 6, 8)))["event_time"].to_list()
    [True, False]
    """
    return pl.col("event_time") + horizon <= as_of


def label_at(label: str, arrives: pl.Expr, *, as_of: datetime | pl.Expr) -> pl.Expr:
    """Return the label in a column as it was known at `as_of`: a fraud told later was none by then."""
    return pl.col(label) * known_at(arrives, as_of=as_of).cast(pl.Int8)


def known_at(arrives: pl.Expr, *, as_of: datetime | pl.Expr) -> pl.Expr:
    """Return whether a label that `arrives` then was known at `as_of`.

    >>> day = datetime(2020, 6, 1)
    >>> rows = pl.DataFrame({"event_time": [day, day + timedelta(days=5)]})
    >>> clock = known_at(arrival(rows.columns, timedelta(days=7)), as_of=datetime(2020, 6, 8))
    >>> rows.select(clock)["event_time"].to_list()
    [True, False]
    """
    return arrives <= as_of
