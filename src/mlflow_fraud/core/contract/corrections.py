"""What changes rows that are pinned already: a fact of its own each, which counts from its arrival on."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from mlflow_fraud.core.contract.column import Column, Role
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.labels import LABEL_TIME

REVERSED = "reversed"
"""What a payment is that was taken back: it is in no table from the arrival on."""
ERASED = "erased"
"""What a payment is whose person was forgotten: it is in no table, of no day."""
GOES_AWAY = (REVERSED, ERASED)
STANDS = "no"
"""The value of `REVERSED` where a payment is there after all: it was taken back by mistake."""

FIXED: tuple[Role, ...] = ("event_id", "event_time", "entity", "label_time", "label_chance")
"""Id, time and entities say which payment it is; when a label arrived is the arrival of what says it."""

WHAT, VALUE, ARRIVED = "what", "value", "arrived"


def form_of(contract: Contract) -> dict[str, pl.DataType]:
    """Return the columns of a table of corrections, with their types.

    `what` is the pipeline's name of a column, `reversed` or `erased`; `value` a text in the pipeline's own units: minor
    units of an amount, a day in ISO 8601; null where the value is missing from now on, or the payment goes away. A
    payment that is reversed with the value `no` is there again.
    """
    (event_id,) = (column for column in contract.kept if column.role == "event_id")
    return {"event_id": event_id.dtype, WHAT: pl.String(), VALUE: pl.String(), ARRIVED: pl.Datetime("us")}


def correctable(contract: Contract) -> dict[str, Column]:
    """Return the columns that may be another one later, by their names in the pipeline."""
    return {column.name: column for column in contract.kept if column.role not in FIXED}


def corrected(
    rows: pl.DataFrame, corrections: pl.DataFrame, contract: Contract, *, as_of: datetime | None = None
) -> pl.DataFrame:
    """Return the rows as all corrections leave them, or those that had arrived at `as_of`.

    Of each row and column the last by arrival counts, in whatever order they lie. A corrected label has the arrival of
    its correction. What is of no row changes nothing.
    """
    there = corrections[WHAT] == ERASED
    told = corrections if as_of is None else corrections.filter(there | (corrections[ARRIVED] <= as_of))
    last = told.sort(ARRIVED, VALUE).unique(["event_id", WHAT], keep="last", maintain_order=True)
    gone = last.filter(pl.col(WHAT).is_in(GOES_AWAY), pl.col(VALUE).ne_missing(STANDS))
    left = rows.join(gone, on="event_id", how="anti", maintain_order="left")
    for name, column in correctable(contract).items():
        mine = last.filter(pl.col(WHAT) == name)
        if name in left.columns and not mine.is_empty():
            left = _with(left, mine.select("event_id", value_of(column).alias(VALUE), ARRIVED), name)
    return left


def value_of(column: Column) -> pl.Expr:
    """Return the values of a table of corrections as those of a column; raises Polars' own error for what is none."""
    text = pl.col(VALUE)
    return text.str.to_date("%Y-%m-%d") if column.type == "date" else text.cast(column.dtype)


def text_of(name: str) -> pl.Expr:
    """Return a column's values as `value_of` reads them."""
    return pl.col(name).cast(pl.String)


def _with(rows: pl.DataFrame, last: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return the rows with the last values of one column, and with their arrival where it is the label."""
    new, at = f"{VALUE} of {name}", f"{ARRIVED} of {name}"
    joined = rows.join(
        last.select("event_id", pl.col(VALUE).alias(new), pl.col(ARRIVED).alias(at)),
        on="event_id",
        how="left",
        maintain_order="left",
    )
    said = pl.col(at).is_not_null()
    changed = [pl.when(said).then(new).otherwise(name).alias(name)]
    if name == "label" and LABEL_TIME in rows.columns:
        changed.append(pl.when(said).then(at).otherwise(LABEL_TIME).alias(LABEL_TIME))
    return joined.with_columns(changed).drop(new, at)
