"""Raw batches as they arrive, in CSV or Parquet files, read into typed, time-ordered rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from mlflow_fraud.adapters.raw_batches import Tell, quiet
from mlflow_fraud.adapters.raw_batches import batch_name as batch_name
from mlflow_fraud.adapters.raw_batches import batches_in as batches_in
from mlflow_fraud.adapters.raw_batches import find_batches as find_batches
from mlflow_fraud.adapters.raw_csv import (
    as_utf8,
    first_line,
    header_of,
    is_utf8_after_all,
    look_at_lines,
    require_even,
    require_readable,
    scan_csv,
    unreadable,
    without_empty,
)
from mlflow_fraud.adapters.raw_doubts import require_exact, rounded_amounts
from mlflow_fraud.adapters.raw_progress import Progress
from mlflow_fraud.core.batch_names import names_of
from mlflow_fraud.core.contract import BATCH, Column, Contract
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.batch import TIME_ORDER
from mlflow_fraud.core.header import look_at

EXAMPLES = 3


def read_batches(files: Sequence[Path], contract: Contract, tell: Tell = quiet) -> pl.DataFrame:
    """Return all rows of `files` by pipeline names and types, in time order.

    Personal and unused columns are never read. What is told is how far it has come, and as a warning each thing that
    is not read as it stands. Raises `DataError` for the first file that is not what the contract says, with counts
    and a few examples.
    """
    names_of(file.name for file in files)
    progress = Progress(tell, len(files))
    return pl.concat([_read(file, contract, progress, _warner(file, tell)) for file in files]).sort(TIME_ORDER)


def _warner(file: Path, tell: Tell) -> Tell:
    def warn(sentence: str) -> None:
        tell(f"warning: {file.name}: {sentence}")

    return warn


def _read(file: Path, contract: Contract, progress: Progress, warn: Tell) -> pl.DataFrame:
    progress.begin(file.name)
    if file.suffix.lower() == ".parquet":
        frame = _read_parquet(file, contract, progress, warn)
    else:
        if is_utf8_after_all(file, contract.csv):
            warn(f"its letters are those of UTF-8, the contract's csv.encoding says {contract.csv.encoding}")
        with as_utf8(file, contract.csv) as content:
            frame = _read_csv(file, content, contract, progress, warn)
    if frame.is_empty():
        raise DataError(f"{file.name} has a header and no rows")
    return frame


def _read_parquet(file: Path, contract: Contract, progress: Progress, warn: Tell) -> pl.DataFrame:
    try:
        whole = pl.scan_parquet(file, glob=False)
        _look_at_header(file, whole.collect_schema().names(), contract, warn)
        for sentence in require_exact(file, whole, contract):
            warn(sentence)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{file.name} cannot be read as Parquet: {first_line(error)}") from None
    raw = _with_optional(_scan_parquet(file, contract), contract)
    return _typed(file, raw, contract, progress, warn)


def _read_csv(file: Path, content: Path, contract: Contract, progress: Progress, warn: Tell) -> pl.DataFrame:
    raw = scan_csv(file, content, contract.csv)
    names = header_of(content, contract.csv, raw.collect_schema().names())
    require_readable(file, names, contract)
    _look_at_header(file, names, contract, warn)
    lines = look_at_lines(file, content, names, contract.csv)
    require_even(file, lines, len(names), contract.csv)
    if lines.empty:
        raw = without_empty(raw)
        warn(f"{counted(lines.empty, 'line')} without any value {'is' if lines.empty == 1 else 'are'} no row")
    return _typed(file, _with_optional(raw, contract), contract, progress, warn)


def _look_at_header(file: Path, names: Sequence[str], contract: Contract, warn: Tell) -> None:
    header = look_at(names, contract)
    if header.faults:
        raise DataError(f"{file.name}: {'; '.join(header.faults)}")
    for sentence in header.warnings:
        warn(sentence)


def _typed(file: Path, raw: pl.LazyFrame, contract: Contract, progress: Progress, warn: Tell) -> pl.DataFrame:
    """Return the typed rows; raise `DataError` where a value is not of its column's type, or missing and needed.

    A column without gaps is right, so only the others are looked at once more.
    """
    columns = [_parsed(column, contract).alias(column.name) for column in contract.kept]
    try:
        frame = progress.collect(raw.select(*columns, pl.lit(batch_name(file)).alias(BATCH)))
        gaps = [column for column in contract.kept if frame[column.name].null_count()]
        checks = [check for column in gaps for check in _checks(column, contract)]
        faults = raw.select(checks).collect(engine="streaming").row(0, named=True) if gaps else {}
        rounded = rounded_amounts(raw, contract)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(file, error) from None
    sentences = [s for column in gaps for s in _sentences(column, faults)]
    if sentences:
        raise DataError(f"{file.name}: " + "; ".join(sentences))
    for sentence in rounded:
        warn(sentence)
    return frame


def _scan_parquet(file: Path, contract: Contract) -> pl.LazyFrame:
    try:
        raw = pl.scan_parquet(file, glob=False)
        types = raw.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{file.name} cannot be read as Parquet: {first_line(error)}") from None
    return raw.select(
        pl.col(column.source).dt.strftime(column.format)
        if column.format and types[column.source].is_temporal()
        else pl.col(column.source).cast(pl.String)
        for column in contract.kept
        if column.source in types
    )


def _with_optional(raw: pl.LazyFrame, contract: Contract) -> pl.LazyFrame:
    """Return `raw` with an empty column for each optional one that the file lacks."""
    found = raw.collect_schema().names()
    absent = [column.source for column in contract.kept if column.source not in found]
    return raw.with_columns(pl.lit(None, pl.String).alias(source) for source in absent)


def _checks(column: Column, contract: Contract) -> list[pl.Expr]:
    text, parsed = _text(column), _parsed(column, contract)
    wrong = text.is_not_null() & parsed.is_null()
    return [
        wrong.sum().alias(f"{column.name}:wrong"),
        text.filter(wrong).head(EXAMPLES).implode().alias(f"{column.name}:examples"),
        text.is_null().sum().alias(f"{column.name}:missing"),
    ]


def _sentences(column: Column, faults: dict[str, object]) -> list[str]:
    said = []
    wrong, missing = faults[f"{column.name}:wrong"], faults[f"{column.name}:missing"]
    if wrong:
        shapes = _shapes(faults[f"{column.name}:examples"])
        said.append(f"{column.source}: {_values(wrong)} not {_expected(column)}, {_looks(wrong)} like {shapes}")
    if missing and not column.may_be_missing:
        said.append(f"{column.source}: {_values(missing)} missing")
    return said


def _values(number: object) -> str:
    return f"{number} value is" if number == 1 else f"{number} values are"


def _looks(number: object) -> str:
    return "it looks" if number == 1 else "they look"


def _expected(column: Column) -> str:
    return f"{'an' if column.type == 'integer' else 'a'} {column.type}" + (
        f" like {column.format}" if column.format else ""
    )


def _shapes(examples: object) -> str:
    """Return what values look like, never the values: in a shifted file a name can stand anywhere."""
    shapes = [_shape(str(example)) for example in examples] if isinstance(examples, list) else []
    return ", ".join(repr(shape) for shape in dict.fromkeys(shapes))


def _shape(value: str) -> str:
    """Return a value with every digit as 9 and every letter as a.

    >>> _shape("1.2.1980"), _shape("ten")
    ('9.9.9999', 'aaa')
    """
    return "".join("9" if c.isdigit() else "a" if c.isalpha() else c for c in value[:24])


def _text(column: Column) -> pl.Expr:
    """Return the raw text without spaces around it; nothing but spaces is a missing value."""
    text = pl.col(column.source).str.strip_chars()
    return pl.when(text != "").then(text)


def _parsed(column: Column, contract: Contract) -> pl.Expr:
    text = _text(column)
    if column.timezone:
        moment = text.str.to_datetime(column.format, time_unit="us", strict=False)
        return moment.dt.convert_time_zone(column.timezone).dt.replace_time_zone(None)
    if column.type == "timestamp":
        return text.str.to_datetime(column.format, time_unit="us", strict=False)
    if column.type == "date":
        return text.str.to_date(column.format, strict=False)
    if column.type == "decimal" and contract.csv.decimal == ",":
        text = text.str.replace(",", ".", literal=True)
    if column.role == "amount":
        minor = text.cast(pl.Float64, strict=False) * 10**contract.currency_decimals
        return pl.when(minor.is_finite()).then(minor.round()).cast(pl.Int64, strict=False)
    return text.cast(column.dtype, strict=False)
