"""Facts with two instants, added up in each row's window by running totals."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

import polars as pl

from mlflow_fraud.core.features.definitions import ARRIVAL, TODAY, Entities, span_of
from mlflow_fraud.core.features.past_expressions import MIDNIGHT

AT, SEEN = "its own instant", "seen after"
"""Columns of facts; no contract has names like these."""

WHO = "which entity"
"""The number of an entity among those that a table of facts is about: look-ups by it know what is missing, too."""

_NOBODY = 2**32 - 1


def totals(rows: pl.DataFrame, facts: pl.DataFrame, by: Entities, span: str) -> pl.DataFrame:
    """Return the sums of the facts in the window that ends at each row, a column for each number that they have.

    `facts` has `by`, `AT`, `SEEN` and the numbers. A fact comes into the windows that end after it is seen, and goes
    out of those that begin after `AT`: both are instants of the row's own time, so one look-up gives the total of what
    came less that of what went.
    """
    numbers = [pl.col(name) for name in facts.columns if name not in (*by, AT, SEEN)]
    who = facts.select(by).unique().with_row_index(WHO)
    known = facts.join(who, on=by, nulls_equal=True)
    comes = known.select(WHO, pl.col(SEEN).alias("turns"), *numbers)
    goes = known.select(
        WHO, pl.max_horizontal(SEEN, last_instant(span)).alias("turns"), *(each * -1 for each in numbers)
    )
    turns = pl.concat([comes, goes]).sort("turns").with_columns(each.cum_sum().over(WHO) for each in numbers)
    return (
        rows.select(*by, "event_time")
        .join(who, on=by, how="left", nulls_equal=True, maintain_order="left")
        .select(pl.col(WHO).fill_null(_NOBODY), "event_time")
        .join_asof(
            turns, left_on="event_time", right_on="turns", by=WHO, allow_exact_matches=False, check_sortedness=False
        )
        .select(each.fill_null(0) for each in numbers)
    )


def counts_at(columns: Collection[str]) -> pl.Expr:
    """Return when a payment counts where windows move by hops: at its arrival, or its time where none is told."""
    time = pl.col("event_time")
    return pl.coalesce(pl.col(ARRIVAL).cast(pl.Datetime("us")), time) if ARRIVAL in columns else time


def last_instant(span: str) -> pl.Expr:
    """Return until when a window that ends there has what happened `AT` in it."""
    if span == TODAY:
        return pl.col(AT).dt.truncate("1d") + timedelta(days=1) - timedelta(microseconds=1)
    return pl.col(AT) + span_of(span)


def start(span: str) -> pl.Expr:
    """Return where a row's window begins; a row needs `MIDNIGHT`."""
    return pl.col(MIDNIGHT) if span == TODAY else pl.col("event_time") - span_of(span)
