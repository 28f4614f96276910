"""Payments that come again under another id: in the same batch, or in two."""

from __future__ import annotations

import polars as pl

from mlflow_fraud.core.contract.contract import BATCH, Contract

REPEATED = "repeated"
SHARED = "shared"

_ROW = "row"
_PLACE = "place"


def with_repeats(rows: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Return the rows, each marked where it is there already, and where a batch that began earlier has it.

    Two rows are the same payment when time, entities, amount and categories are the same, whatever their ids; where
    data has no entity, all numbers too.
    """
    same, numbered = _told_apart_by(contract, rows), rows.with_row_index(_ROW)
    at_once = numbered.filter(pl.col("event_time").is_duplicated()).select(_ROW, BATCH, *same)
    repeated = at_once.filter(~pl.struct(same).is_first_distinct())
    shared = _shared(at_once, repeated, same, _places(rows))
    return numbered.with_columns(_one_of(repeated[_ROW], REPEATED), _one_of(shared, SHARED)).drop(_ROW)


def _told_apart_by(contract: Contract, rows: pl.DataFrame) -> list[str]:
    """Return the columns in which two payments differ, if they are two."""
    roles = ["event_time", "entity", "amount", "categorical", *([] if contract.entities else ["numeric"])]
    return [column.name for column in contract.kept if column.role in roles and column.name in rows.columns]


def _places(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the place of each batch in the order in which they begin."""
    begin = rows.group_by(BATCH).agg(pl.col("event_time").min().alias("begin")).sort("begin", BATCH)
    return begin.select(BATCH).with_row_index(_PLACE)


def _shared(at_once: pl.DataFrame, repeated: pl.DataFrame, same: list[str], places: pl.DataFrame) -> pl.Series:
    """Return the numbers of the rows that a batch which began earlier has too."""
    groups = at_once.join(repeated.select(same).unique(), on=same, how="semi", nulls_equal=True).join(places, on=BATCH)
    return groups.filter(pl.col(_PLACE) > pl.col(_PLACE).min().over(same))[_ROW]


def _one_of(numbers: pl.Series, name: str) -> pl.Expr:
    return pl.col(_ROW).is_in(numbers.implode()).alias(name)
