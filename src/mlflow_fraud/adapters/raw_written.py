"""Rows of the pipeline become a raw file again, in the contract's own columns."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from mlflow_fraud.adapters.files import write_parquet
from mlflow_fraud.core.contract.column import Column
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.contract.moments import MICROSECONDS, micros


def write_raw(file: Path, rows: pl.DataFrame, contract: Contract) -> None:
    """Write rows as a Parquet file that `read_batches` reads as the same rows; the same rows are the same bytes.

    What stops at ingest is not in it, nor are optional columns that the rows do not have.
    """
    there = [column for column in contract.in_files if column.name in rows.columns]
    write_parquet(file, rows.select(_told(column, contract).alias(column.source) for column in there))


def _told(column: Column, contract: Contract) -> pl.Expr:
    """Return a column's values as raw files have them; times and days stay such, as Parquet can hold them."""
    value = pl.col(column.name)
    if column.role == "amount":
        return _marked(_in_currency(value, contract.currency_decimals), contract)
    if column.type == "decimal":
        return _marked(value.cast(pl.String), contract)
    if column.type != "timestamp":
        return value
    if column.timezone:  # an hour that is there twice is read as the same local time from either
        value = value.dt.replace_time_zone(column.timezone, ambiguous="earliest", non_existent="null")
        value = value.dt.convert_time_zone("UTC")
    if not column.unit:
        return value
    count = (value.dt.replace_time_zone(None).dt.epoch("us") - micros(column.start)) / MICROSECONDS[column.unit]
    return _marked(count.cast(pl.String), contract)


def _in_currency(minor: pl.Expr, decimals: int) -> pl.Expr:
    """Return whole minor units as a text in the currency, exact however large they are.

    >>> rows = pl.DataFrame({"amount": [1234, -5, 100]})
    >>> rows.select(_in_currency(pl.col("amount"), 2)).to_series().to_list()
    ['12.34', '-0.05', '1.00']
    """
    if not decimals:
        return minor.cast(pl.String)
    size, units = minor.abs(), 10**decimals
    rest = (size % units).cast(pl.String).str.zfill(decimals)
    sign = pl.when(minor < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    return pl.when(minor.is_not_null()).then(pl.concat_str(sign, size // units, pl.lit("."), rest))


def _marked(text: pl.Expr, contract: Contract) -> pl.Expr:
    """Return numbers with the contract's decimal mark."""
    return text.str.replace(".", ",", literal=True) if contract.csv.decimal == "," else text
