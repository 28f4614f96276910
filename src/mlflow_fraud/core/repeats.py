"""Payments that come again under another id: in the same batch, or in two."""

from __future__ import annotations

import polars as pl

from mlflow_fraud.core.contract import BATCH, Contract

REPEATED = "repeated"
SHARED = "shared"

_ROW = "row"


def with_repeats(rows: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Return the rows, each marked where it is there already, and where a batch that began earlier has it.

    Two rows are the same payment when time, entities, amount and categories are the same, whatever their ids.
    """
    same = _told_apart_by(contract, rows)
    marked = rows.with_row_index(_ROW).with_columns((~pl.struct(same).is_first_distinct()).alias(REPEATED))
    return marked.with_columns(pl.col(_ROW).is_in(_shared(marked, same).implode()).alias(SHARED)).drop(_ROW)


def _told_apart_by(contract: Contract, rows: pl.DataFrame) -> list[str]:
    """Return the columns in which two payments differ, if they are two."""
    roles = ("event_time", "entity", "amount", "categorical")
    return [column.name for column in contract.kept if column.role in roles and column.name in rows.columns]


def _shared(marked: pl.DataFrame, same: list[str]) -> pl.Series:
    """Return the numbers of the rows that a batch which began earlier has too."""
    again = marked.filter(REPEATED).select(same).unique()
    groups = marked.join(again, on=same, how="semi", nulls_equal=True).select(_ROW, BATCH, *same)
    begin = marked.group_by(BATCH).agg(pl.col("event_time").min().alias("begin")).sort("begin", BATCH)
    placed = groups.join(begin.select(BATCH).with_row_index("place"), on=BATCH)
    return placed.filter(pl.col("place") > pl.col("place").min().over(same))[_ROW]
