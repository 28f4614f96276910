"""What reading would change without a word: amounts that are rounded, numbers that a column of floats cannot hold."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from mlflow_fraud.core.contract.contract import Column, Contract
from mlflow_fraud.core.contract.notation import MOST_EXACT, decimal_expression, with_point
from mlflow_fraud.core.contract.time_format import SPACES
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.errors import DataError

NOISE = 0.005
"""So much of a minor unit is what sums of floats leave, no further decimal."""
FLOAT32 = 1e-7
"""And so much of the amount itself is what a float of 32 bits leaves."""


def rounded_amounts(raw: pl.LazyFrame, contract: Contract) -> list[str]:
    """Return a sentence where amounts have more decimals than the contract's currency, and are rounded to these."""
    column = next((column for column in contract.in_files if column.role == "amount"), None)
    if column is None:  # a file of labels has none
        return []
    text = pl.col(column.source).cast(pl.String).str.strip_chars(SPACES)
    number = decimal_expression(with_point(text) if contract.csv.decimal == "," else text)
    minor = number * 10**contract.currency_decimals
    off = (minor - minor.round()).abs() > NOISE + FLOAT32 * minor.abs()
    found = raw.select(off.sum().alias("rounded"), (off & (minor.round() == 0)).sum().alias("to_nothing"))
    rounded, to_nothing = found.collect(engine="streaming").row(0)
    if not rounded:
        return []
    nothing = f", {to_nothing:,} of them to 0" if to_nothing else ""
    decimals = counted(contract.currency_decimals, "decimal")
    return [
        f"{column.source}: {counted(rounded, 'amount')} with more than {decimals} "
        f"{'is' if rounded == 1 else 'are'} rounded{nothing}; the contract's currency_decimals can say more"
    ]


def require_exact(file: Path, raw: pl.LazyFrame, contract: Contract) -> list[str]:
    """Return a sentence for each column of a Parquet file whose times lose a part.

    Raises `DataError` where a column is of a type that says no value, or holds numbers as floats that are not exact.
    """
    types = raw.collect_schema()
    there = [column for column in contract.in_files if column.source in types]
    for column in there:
        _require_values(file, column, types[column.source])
    checks = {f"{column.source}": check for column in there for check in _lost(column, types[column.source])}
    if not checks:
        return []
    found = raw.select(check.sum().alias(name) for name, check in checks.items())
    lost = {name: int(number or 0) for name, number in found.collect(engine="streaming").row(0, named=True).items()}
    sentences = []
    for column in there:
        number, dtype = lost.get(column.source, 0), types[column.source]
        if number and dtype.is_float():
            raise DataError(
                f"{file.name}: {column.source}: {counted(number, 'number')} beyond 2^53 in a column of floats, which "
                "holds none of that size for certain; write the column as integers or as text"
            )
        if number:
            part = "a time of day" if column.type == "date" else "parts of a microsecond"
            sentences.append(f"{column.source}: {counted(number, 'value')} with {part}, left out here")
    return sentences


def _require_values(file: Path, column: Column, dtype: pl.DataType) -> None:
    if dtype.is_nested() or dtype in (pl.Binary, pl.Duration, pl.Time, pl.Object):
        raise DataError(f"{file.name}: {column.source} is of the type {dtype} in the file, expected {column.type}")


def _lost(column: Column, dtype: pl.DataType) -> list[pl.Expr]:
    value = pl.col(column.source)
    if dtype.is_float() and column.type in ("integer", "text"):
        return [value.is_finite() & (value.abs() >= MOST_EXACT)]
    if isinstance(dtype, pl.Datetime) and column.type == "date":
        return [value != value.dt.truncate("1d")]
    if isinstance(dtype, pl.Datetime) and column.type == "timestamp" and dtype.time_unit == "ns":
        return [value.dt.nanosecond() % 1000 != 0]
    return []
