"""The rows of a file as a client would send them: a JSON object each, in pieces, so that no file is in memory whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from mlflow_fraud.adapters.raw_batches import Tell, batch_name, is_batch, quiet
from mlflow_fraud.adapters.raw_csv import as_utf8, unreadable
from mlflow_fraud.adapters.raw_files import ROW, csv_as_told, parquet_as_told
from mlflow_fraud.adapters.raw_values import expression_of
from mlflow_fraud.core.contract.batch_names import SUFFIXES
from mlflow_fraud.core.contract.contract import ROW_NUMBER, Column, Contract
from mlflow_fraud.core.contract.moments import read_text
from mlflow_fraud.core.contract.notation import decimal_expression, integer_expression, with_point
from mlflow_fraud.core.contract.pseudonym import BEGINS
from mlflow_fraud.core.contract.time_format import SPACES, time_format
from mlflow_fraud.core.errors import DataError

AT_ONCE = 1_000
"""So many rows are in memory."""

_EXAMPLE = datetime(2020, 1, 31, 13, 45, 59)  # noqa: DTZ001 the data's own local time


class Sent(NamedTuple):
    """A row as a client would send it: its number in the file, from 1 on, and the JSON object."""

    row: int
    body: bytes


class Rows(NamedTuple):
    """The rows of a file: how many there are, and these in their order, some at a time."""

    total: int
    pieces: Iterator[list[Sent]]


@contextmanager
def rows_as_sent(file: Path, contract: Contract, warn: Tell = quiet) -> Iterator[Rows]:
    """Give the rows of a CSV or Parquet file, each with the columns of `contract` that it has, until the block ends.

    A value is sent as it is told, a number as a number, and what is none as the text that it is: that the contract
    is kept is for whoever takes the row. Where the id is a row's number, it is `<batch>:<row>`. Raises `DataError`
    for a file that is no such table, lacks a column, or of which it is not certain which value is which.
    """
    require_table(file)
    if file.suffix.lower() == ".parquet":
        yield _rows(file, parquet_as_told(file, contract, warn), contract)
        return
    with as_utf8(file, contract.csv) as content:
        yield _rows(file, csv_as_told(file, content, contract, warn), contract)


def require_table(file: Path) -> None:
    """Raise `DataError` where there is no file, or its name is no table's; what is in it is not looked at."""
    if not (file.is_file() and is_batch(file)):
        raise DataError(f"{file} is not there or is no table; expected a {', '.join(SUFFIXES)} file")


def _rows(file: Path, told: pl.LazyFrame, contract: Contract) -> Rows:
    try:
        types = told.collect_schema()
        total: int = told.select(pl.len()).collect(engine="streaming").item()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(file, error) from None
    if not total:
        raise DataError(f"{file.name} has a header and no rows")
    columns = [
        value.alias(f"{column.source}:{kind}")
        for column in contract.in_files
        for kind, value in _values(file, column, contract, types[column.source]).items()
    ]
    numbered = told.with_row_index(ROW, offset=1).select(ROW, *columns)
    return Rows(total, _pieces(file, numbered, contract))


def _pieces(file: Path, numbered: pl.LazyFrame, contract: Contract) -> Iterator[list[Sent]]:
    places = [(column.source, f"{column.source}:number", f"{column.source}:text") for column in contract.in_files]
    batch = batch_name(file) if contract.event_id else ""

    def body(row: Mapping[str, Any]) -> bytes:
        sent = {}
        for source, number, text in places:
            value = row.get(number)
            sent[source] = row.get(text) if value is None else value
        named = {ROW_NUMBER.source: f"{batch}:{row[ROW]}"} if batch else {}
        return json.dumps({**named, **sent}).encode()

    try:
        for piece in numbered.collect_batches(chunk_size=AT_ONCE, maintain_order=True, engine="streaming"):
            for part in piece.iter_slices(AT_ONCE):
                yield [Sent(row[ROW], body(row)) for row in part.iter_rows(named=True)]
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(file, error) from None


def _values(file: Path, column: Column, contract: Contract, dtype: pl.DataType) -> dict[str, pl.Expr]:
    """Return a column's values as `number` and as `text`: what is no number is told as the text that it is."""
    if dtype.is_temporal():
        return {"text": _time(file, column, contract, dtype)}
    stripped = pl.col(column.source).cast(pl.String).str.strip_chars(SPACES)
    text = pl.when(stripped != "").then(stripped)
    read = _number_reader(column)
    if read is None:
        return {"text": text}
    number = read(with_point(text) if contract.csv.decimal == "," else text)
    if column.secret:
        number = pl.when(~text.str.starts_with(BEGINS)).then(number)
    return {"number": number, "text": text}


def _number_reader(column: Column) -> Callable[[pl.Expr], pl.Expr] | None:
    """Return what reads a column's numbers, None for one that has none."""
    if column.type == "integer":
        return integer_expression
    return decimal_expression if column.type == "decimal" or column.unit else None


def _time(file: Path, column: Column, contract: Contract, dtype: pl.DataType) -> pl.Expr:
    """Return a table's own times in ISO 8601; what is no time of the contract's is told as it is, and refused so."""
    if column.type == "timestamp" and not column.unit:
        form = "%Y-%m-%dT%H:%M:%S%.6f"
    elif column.type == "date":
        form = "%Y-%m-%d"
    else:
        return pl.col(column.source).cast(pl.String)
    if column.type == "timestamp" and dtype == pl.Date:
        raise DataError(f"{file.name}: {column.source} has days without a time of day in the file, expected timestamp")
    own, example = time_format(column.format), _EXAMPLE.strftime(form.replace("%.6f", ".000000"))
    at = _EXAMPLE if column.type == "timestamp" else _EXAMPLE.replace(hour=0, minute=0, second=0)
    if own.reader.fullmatch(example) and read_text(example, own) != at:
        raise DataError(
            f"{file.name}: {column.source} has times of the table's own, which {column.format} would take for others; "
            "write the column as text"
        )
    if column.type == "date":
        return expression_of(column, contract, dtype).dt.to_string(form)
    zone = "%:z" if getattr(dtype, "time_zone", None) else ""
    return pl.col(column.source).dt.to_string(form + zone)
