"""A transaction as text and back: the same values, bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Any

import polars as pl
from pydantic_core import to_json

from mlflow_fraud.core.contract.contract import Column, Contract
from mlflow_fraud.core.contract.notation import LARGEST

BESIDE = ("event_id", "event_time")
"""What has a column of its own in the table."""

_READERS: Mapping[str, Callable[[Any], Any]] = {"timestamp": datetime.fromisoformat, "date": date.fromisoformat}


def content_of(transaction: Mapping[str, Any]) -> str:
    """Return a transaction's columns but id and time as JSON; times and days in ISO 8601.

    >>> content_of({"event_id": "a", "event_time": datetime(2020, 1, 1), "amount": 1234, "born": date(1970, 5, 1)})
    '{"amount":1234,"born":"1970-05-01"}'
    """
    return json_of({name: value for name, value in transaction.items() if name not in BESIDE})


def json_of(values: Mapping[str, Any]) -> str:
    """Return values as JSON, times and days in ISO 8601; raise `ValueError` for a number that is not finite.

    Pydantic takes a quarter of the time of the standard library, which is asked where a number may not be finite.

    >>> json_of({"merchant": "Café", "amount": 1234, "usual": None})
    '{"merchant":"Café","amount":1234,"usual":null}'
    """
    told = to_json(values).decode()
    return _strictly(values) if "NaN" in told or "Infinity" in told else told


def reader_of(contract: Contract) -> Callable[[str, datetime, str], dict[str, Any]]:
    """Return what reads the transaction that a row holds; a column that the contract did not have by then is blank."""
    id_of = id_reader_of(contract)
    columns = [(column.name, _READERS.get(column.type)) for column in in_content(contract)]

    def read(event_id: str, event_time: datetime, content: str) -> dict[str, Any]:
        found = json.loads(content)
        transaction: dict[str, Any] = {"event_id": id_of(event_id), "event_time": event_time}
        for name, moment_of in columns:
            value = found.get(name)
            if moment_of is not None and isinstance(value, str):
                with suppress(ValueError):  # what is no time stays a text, and is beyond the bounds
                    value = moment_of(value)
            transaction[name] = value
        return transaction

    return read


def transactions_of(rows: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Return the transactions of rows with `event_id`, `event_time` and `content`, beside what else these have."""
    columns, id_type = in_content(contract), _id_column(contract).dtype
    stored = pl.Struct({column.name: _stored_as(column) for column in columns})
    rows = rows.with_columns(pl.col("event_id").cast(id_type))
    try:
        opened = rows.with_columns(pl.col("content").str.json_decode(stored)).unnest("content")
        return opened.with_columns(_opened(column) for column in columns if column.type in _READERS)
    except pl.exceptions.PolarsError:  # an earlier program may have written what this one refuses
        return _one_by_one(rows, columns)


def _one_by_one(rows: pl.DataFrame, columns: list[Column]) -> pl.DataFrame:
    """Read what is not as the columns have it: such a value is blank, the others of its row are not."""
    found = [json.loads(content) for content in rows["content"]]
    return rows.drop("content").with_columns(
        pl.Series(column.name, [_fitting(each.get(column.name), column) for each in found], column.dtype)
        for column in columns
    )


def _fitting(value: Any, column: Column) -> Any:
    match column.type:
        case "integer" | "decimal" if isinstance(value, int) and not isinstance(value, bool):
            return value if abs(value) <= LARGEST else None
        case "decimal" if column.role != "amount":
            return value if isinstance(value, float) else None
        case "text":
            return value if isinstance(value, str) else None
        case "timestamp" | "date" if isinstance(value, str):
            with suppress(ValueError):
                return _READERS[column.type](value)
    return None


def in_content(contract: Contract) -> list[Column]:
    """Return the columns of a transaction, but its id and time: what is known of it later is kept elsewhere."""
    return [c for c in contract.kept if c.name not in BESIDE and c.role not in ("label", "label_time")]


def id_reader_of(contract: Contract) -> Callable[[str], str | int]:
    """Return what reads a transaction's id as the contract has it: a text or a whole number."""
    return int if _id_column(contract).type == "integer" else str


def _id_column(contract: Contract) -> Column:
    found = contract.column("event_id")
    assert found is not None  # a contract has one
    return found


def _stored_as(column: Column) -> pl.DataType:
    return pl.String() if column.type in _READERS else column.dtype


def _opened(column: Column) -> pl.Expr:
    text = pl.col(column.name)
    return text.str.to_date("%Y-%m-%d") if column.type == "date" else text.str.to_datetime(time_unit="us")


def _told(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in the record")


_strictly = json.JSONEncoder(default=_told, separators=(",", ":"), allow_nan=False).encode
