"""The gate of corrections: what each is about is there, and says something that the contract allows."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from mlflow_fraud.core.contract.bounds import beyond
from mlflow_fraud.core.contract.column import Column
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.contract.corrections import (
    ARRIVED,
    GOES_AWAY,
    REVERSED,
    STANDS,
    VALUE,
    WHAT,
    correctable,
    value_of,
)
from mlflow_fraud.core.counted import counted, listed
from mlflow_fraud.core.errors import nearest

EXAMPLES = 3
ONE_FACT = ["event_id", WHAT, ARRIVED]
"""Of a row and a column two things cannot have arrived at the same moment."""


def new_of(told: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return the corrections that are not known already, word for word."""
    return told.join(known, on=told.columns, how="anti", nulls_equal=True, maintain_order="left")


def faults_of(told: pl.DataFrame, rows: pl.DataFrame, known: pl.DataFrame, contract: Contract) -> list[str]:
    """Return a sentence for each thing that is wrong with new corrections; none where they may come in.

    `rows` are the pinned ones, with `event_id` and `event_time`, `known` the corrections that are pinned.
    """
    faults = [*_unknown_columns(told, contract), *_values_that_say_nothing(told)]
    faults += [
        fault for name, column in correctable(contract).items() for fault in _values(told, name, column, contract)
    ]
    of_rows = told.join(rows.select("event_id", "event_time").unique("event_id"), on="event_id", how="left")
    unknown = of_rows.filter(pl.col("event_time").is_null())["event_id"].unique(maintain_order=True)
    if len(unknown):
        named = listed([str(each) for each in unknown], EXAMPLES)
        faults.append(f"{counted(len(unknown), 'id is', 'ids are')} of no pinned row: {named}")
    early = int((of_rows[ARRIVED] < of_rows["event_time"]).sum())
    if early:
        faults.append(f"{counted(early, 'correction arrives', 'corrections arrive')} before the payment was made")
    return [*faults, *_doubles(told, known)]


def _unknown_columns(told: pl.DataFrame, contract: Contract) -> Iterator[str]:
    may_be = [*correctable(contract), *GOES_AWAY]
    for name in told[WHAT].unique(maintain_order=True).drop_nulls():
        if name not in may_be:
            yield f"{name} is nothing that can be corrected, {nearest(name, may_be)}"


def _values_that_say_nothing(told: pl.DataFrame) -> Iterator[str]:
    says = pl.col(VALUE).is_not_null() & ~((pl.col(WHAT) == REVERSED) & (pl.col(VALUE) == STANDS))
    number = told.filter(pl.col(WHAT).is_in(GOES_AWAY) & says).height
    if number:
        are = counted(number, "row that goes", "rows that go")
        yield (
            f"{are} away with a value; of what is reversed or erased nothing else is said, but `{STANDS}` of a payment "
            "that is not reversed after all"
        )


def _values(told: pl.DataFrame, name: str, column: Column, contract: Contract) -> Iterator[str]:
    mine = told.filter(pl.col(WHAT) == name)
    if mine.is_empty():
        return
    values = mine.select(value_of(column).alias(name))
    if not column.may_be_missing and values[name].null_count():
        yield f"{column.source}: {counted(values[name].null_count(), 'value is', 'values are')} missing"
    wrong = int(values.select(_not_allowed(column, contract)).to_series().sum())
    if wrong:
        yield f"{column.source}: {counted(wrong, 'value is', 'values are')} not what the contract allows"


def _not_allowed(column: Column, contract: Contract) -> pl.Expr:
    decimals, value = contract.currency_decimals, pl.col(column.name)
    wrong = beyond(column, decimals=decimals).fill_null(value=False)
    if column.role == "label":
        wrong |= ~value.is_in([0, 1])
    if column.values:
        wrong |= ~value.is_in(list(column.values))
    for bound, is_low in ((column.minimum, True), (column.maximum, False)):
        limit = column.limit(bound, decimals=decimals)
        if limit is not None:
            limit = limit.date() if column.type == "date" else limit
            wrong |= (value < limit) if is_low else (value > limit)
    return wrong.fill_null(value=False).alias(column.name)


def _doubles(told: pl.DataFrame, known: pl.DataFrame) -> Iterator[str]:
    twice = told.filter(pl.struct(ONE_FACT).is_duplicated()).height
    if twice:
        yield f"{counted(twice, 'line says', 'lines say')} of one row, column and arrival what another line says"
    again = told.join(known, on=ONE_FACT, how="semi").height
    if again:
        yield (
            f"{counted(again, 'line says', 'lines say')} something else than what is pinned for the same row, column "
            "and arrival; what is said later arrives later"
        )
