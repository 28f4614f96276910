"""Raw batches as they arrive, in CSV or Parquet files, read into typed, time-ordered rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from mlflow_fraud.adapters.raw_batches import batch_name as batch_name
from mlflow_fraud.adapters.raw_batches import batches_in as batches_in
from mlflow_fraud.adapters.raw_batches import find_batches as find_batches
from mlflow_fraud.adapters.raw_csv import (
    as_utf8,
    first_line,
    require_no_surplus,
    require_readable,
    scan_csv,
    unreadable,
)
from mlflow_fraud.core.batch_names import names_of
from mlflow_fraud.core.bounds import beyond, expected
from mlflow_fraud.core.contract import BATCH, Column, Contract
from mlflow_fraud.core.errors import DataError, nearest
from mlflow_fraud.core.features.batch import TIME_ORDER
from mlflow_fraud.core.moments import count_expression, local_expression, text_expression
from mlflow_fraud.core.notation import INT64, THOUSANDS, WHOLE, decimal_expression, integer_expression, with_point
from mlflow_fraud.core.time_format import SPACES, time_format

EXAMPLES = 3
ROW = "row of the file"


def read_batches(files: Sequence[Path], contract: Contract) -> pl.DataFrame:
    """Return all rows of `files` by pipeline names and types, in time order.

    Personal and unused columns are never read. Raises `DataError` for the first file that is not what
    the contract says, with counts and a few examples.
    """
    names_of(file.name for file in files)
    frames = [_read(file, contract) for file in files]
    return pl.concat(frames).sort(TIME_ORDER)


def _read(file: Path, contract: Contract) -> pl.DataFrame:
    if file.suffix.lower() == ".parquet":
        frame = _typed(file, _require_columns(file, _scan_parquet(file, contract), contract), contract)
    else:
        with as_utf8(file, contract.csv) as content:
            scanned = scan_csv(file, content, contract.csv)
            raw = _require_columns(file, scanned, contract)
            require_no_surplus(file, content, len(scanned.collect_schema()), contract.csv)
            frame = _typed(file, raw, contract)
    if frame.is_empty():
        raise DataError(f"{file.name} has a header and no rows")
    return frame


def _typed(file: Path, raw: pl.LazyFrame, contract: Contract) -> pl.DataFrame:
    """Return the typed rows; raise `DataError` where a value is not of its column's type, or missing and needed.

    A column without gaps is right, so only the others are looked at once more.
    """
    types = raw.collect_schema()
    ids = [pl.format("{}:{}", pl.lit(batch_name(file)), ROW).alias("event_id")] if contract.event_id else []
    parsed = {column: _parsed(column, contract, types[column.source]) for column in contract.in_files}
    columns = [*ids, *(parse.alias(column.name) for column, parse in parsed.items())]
    try:
        numbered = raw.with_row_index(ROW, offset=1)
        frame = numbered.select(*columns, pl.lit(batch_name(file)).alias(BATCH)).collect(engine="streaming")
        gaps = [column for column in contract.in_files if frame[column.name].null_count()]
        checks = [check for column in gaps for check in _checks(column, parsed[column])]
        faults = raw.select(checks).collect(engine="streaming").row(0, named=True) if gaps else {}
    except (pl.exceptions.ComputeError, OSError) as error:
        raise unreadable(file, error) from None
    sentences = [s for column in gaps for s in _sentences(column, faults, contract)]
    if sentences:
        raise DataError(f"{file.name}: " + "; ".join(sentences))
    _require_bounds(file, frame, contract)
    return frame


def _require_bounds(file: Path, frame: pl.DataFrame, contract: Contract) -> None:
    """Raise `DataError` where a value is larger, longer or further away in time than anything is held."""
    decimals = contract.currency_decimals
    checks = [beyond(column, decimals=decimals).sum().alias(column.name) for column in contract.kept]
    numbers = frame.select(checks).row(0, named=True)
    said = [
        f"{column.source}: {numbers[column.name]} values are beyond the bounds, "
        f"expected {expected(column, decimals=decimals)}"
        for column in contract.kept
        if numbers[column.name]
    ]
    if said:
        raise DataError(f"{file.name}: " + "; ".join(said))


def _scan_parquet(file: Path, contract: Contract) -> pl.LazyFrame:
    try:
        raw = pl.scan_parquet(file, glob=False)
        types = raw.collect_schema()
    except (pl.exceptions.ComputeError, OSError) as error:
        raise DataError(f"{file.name} cannot be read as Parquet: {first_line(error)}") from None
    return raw.select(
        _as_told(column.source, types[column.source]) for column in contract.in_files if column.source in types
    )


def _as_told(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return a column as text, and times as they are; a float that is no number is how tables say missing."""
    if dtype.is_temporal():
        return pl.col(name)
    values = pl.col(name).fill_nan(None) if dtype.is_float() else pl.col(name)
    return values.cast(pl.String)


def _require_columns(file: Path, raw: pl.LazyFrame, contract: Contract) -> pl.LazyFrame:
    """Return `raw` with an empty column for each optional one that the file lacks; the others must be there."""
    found = raw.collect_schema().names()
    absent = [column for column in contract.in_files if column.source not in found]
    missing = [column.source for column in absent if not column.optional]
    if missing:
        require_readable(file, found, contract)
    if missing:
        hints = "; ".join(f"{name}: {nearest(name, found)}" for name in missing)
        raise DataError(f"{file.name}: {len(missing)} columns of the contract {contract.name} are missing: {hints}")
    return raw.with_columns(pl.lit(None, pl.String).alias(column.source) for column in absent)


def _checks(column: Column, parsed: pl.Expr) -> list[pl.Expr]:
    text = _text(column)
    wrong = text.is_not_null() & parsed.is_null()
    return [
        wrong.sum().alias(f"{column.name}:wrong"),
        text.filter(wrong).head(EXAMPLES).implode().alias(f"{column.name}:examples"),
        text.is_null().sum().alias(f"{column.name}:missing"),
    ]


def _sentences(column: Column, faults: dict[str, object], contract: Contract) -> list[str]:
    said = []
    wrong, missing, examples = (faults[f"{column.name}:{what}"] for what in ("wrong", "missing", "examples"))
    if wrong:
        told = [str(example) for example in examples] if isinstance(examples, list) else []
        hint = _hint(column, told, contract)
        said.append(
            f"{column.source}: {wrong} values are not {_expected(column)}, they look like {_shapes(told)}{hint}"
        )
    if missing and not column.may_be_missing:
        said.append(f"{column.source}: {missing} values are missing")
    return said


def _hint(column: Column, examples: Sequence[str], contract: Contract) -> str:
    """Return what may be done where the values are numbers that are written in no usual way."""
    if column.type not in ("integer", "decimal") and not column.unit:
        return ""
    if column.type == "integer" and any(re.match(WHOLE, example) for example in examples):
        return "; whole numbers of more than 64 bits are ids: the contract can say type: text"
    if any(re.match(THOUSANDS, example) for example in examples):
        mark = contract.csv.decimal
        return f"; marks between thousands are not read, and {mark!r} is the decimal mark (the contract's csv.decimal)"
    return ""


def _expected(column: Column) -> str:
    if column.unit:
        return f"a number of {column.unit} since {column.since} that gives a year of four digits"
    return f"{'an' if column.type == 'integer' else 'a'} {column.type}" + (
        f" like {column.format}" if column.format else ""
    )


def _shapes(examples: Sequence[str]) -> str:
    """Return what values look like, never the values: in a shifted file a name can stand anywhere."""
    return ", ".join(repr(shape) for shape in dict.fromkeys(map(_shape, examples)))


def _shape(value: str) -> str:
    """Return a value with every digit as 9 and every letter as a.

    >>> _shape("1.2.1980"), _shape("ten")
    ('9.9.9999', 'aaa')
    """
    return "".join("9" if c.isdigit() else "a" if c.isalpha() else c for c in value[:24])


def _text(column: Column) -> pl.Expr:
    """Return the raw text without spaces around it; nothing but spaces is a missing value."""
    text = pl.col(column.source).cast(pl.String).str.strip_chars(SPACES)
    return pl.when(text != "").then(text)


def _parsed(column: Column, contract: Contract, dtype: pl.DataType) -> pl.Expr:
    """Return the column's values, null where they are not of its type; `serving/schema` reads a request alike."""
    if dtype.is_temporal():
        return _as_it_is(column, dtype)
    text = _text(column)
    if column.type == "text":
        return text
    number = with_point(text) if contract.csv.decimal == "," else text
    if column.unit:
        return count_expression(decimal_expression(number), column.unit, column.start, column.timezone)
    if column.type == "timestamp":
        return text_expression(text, time_format(column.format), column.timezone)
    if column.type == "date":
        return text_expression(text, time_format(column.format)).cast(pl.Date)
    if column.role == "amount":
        return _minor_units(number, column, 10**contract.currency_decimals)
    return (integer_expression if column.type == "integer" else decimal_expression)(number).cast(
        column.dtype, strict=False
    )


def _as_it_is(column: Column, dtype: pl.DataType) -> pl.Expr:
    """Return the times of a column that has times already, to the microsecond; a day alone is no timestamp."""
    at = pl.col(column.source)
    zone = getattr(dtype, "time_zone", None)
    days, times = dtype == pl.Date, isinstance(dtype, pl.Datetime) and bool(zone) == bool(column.timezone)
    if column.type == "date" and (days or isinstance(dtype, pl.Datetime)):
        return at.dt.date()
    if column.type == "text":
        return at.cast(pl.String)
    if column.type != "timestamp" or column.unit or not times:
        return pl.lit(None, column.dtype)
    at = at.cast(pl.Datetime("us", zone))
    return local_expression(at.dt.convert_time_zone("UTC").dt.replace_time_zone(None), column.timezone) if zone else at


def _minor_units(number: pl.Expr, column: Column, units: int) -> pl.Expr:
    """Return the amount in minor units, null beyond 64 bits."""
    if column.type == "integer":
        whole = integer_expression(number)
        return pl.when(whole.is_between(-(INT64 // units), INT64 // units)).then(whole * units)
    return (decimal_expression(number) * units).round().cast(pl.Int64, strict=False)
