"""Raw batches as they arrive, in CSV or Parquet files, read into typed, time-ordered rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from mlflow_fraud.adapters.raw_batches import Tell, quiet
from mlflow_fraud.adapters.raw_batches import batch_name as batch_name
from mlflow_fraud.adapters.raw_batches import batches_in as batches_in
from mlflow_fraud.adapters.raw_batches import find_batches as find_batches
from mlflow_fraud.adapters.raw_csv import (
    as_utf8,
    even_rows,
    first_line,
    header_of,
    is_utf8_after_all,
    require_readable,
    scan_csv,
    unreadable,
)
from mlflow_fraud.adapters.raw_doubts import require_exact, rounded_amounts
from mlflow_fraud.adapters.raw_progress import Progress
from mlflow_fraud.adapters.raw_secrets import hide
from mlflow_fraud.adapters.raw_values import as_told, checks_of, expression_of, sentences_of
from mlflow_fraud.core.contract.batch_names import names_of
from mlflow_fraud.core.contract.bounds import beyond, expected
from mlflow_fraud.core.contract.contract import BATCH, Column, Contract
from mlflow_fraud.core.contract.forgotten import Forgotten, without
from mlflow_fraud.core.contract.header import look_at
from mlflow_fraud.core.contract.pseudonym import Pseudonyms
from mlflow_fraud.core.contract.pseudonym_key import PseudonymKey, pseudonyms_of
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.batch import TIME_ORDER

ROW = "row of the file"


class Door(NamedTuple):
    """What each file is read by: the contract, the pseudonyms of its secret columns, and who hears how far it is."""

    contract: Contract
    pseudonyms: Mapping[str, Pseudonyms]
    progress: Progress


def read_batches(
    files: Sequence[Path],
    contract: Contract,
    tell: Tell = quiet,
    *,
    key: PseudonymKey | None = None,
    forgotten: Sequence[Forgotten] = (),
) -> pl.DataFrame:
    """Return all rows of `files` by pipeline names and types, in time order; what is secret as pseudonyms under `key`.

    Rows of those who are forgotten are left out, and counted. Personal and unused columns are never read. What is told
    is how far it has come, and as a warning each thing that is not read as it stands. Raises `DataError` for the first
    file that is not what the contract says, with counts and a few examples, and `SettingsError` where the contract
    pins another key.
    """
    names_of(file.name for file in files)
    door = Door(contract, pseudonyms_of(contract, key), Progress(tell, len(files)))
    rows = pl.concat([read_file(file, door, _warner(file, tell)) for file in files])
    return _without(rows, forgotten, tell).sort(TIME_ORDER)


def _without(rows: pl.DataFrame, forgotten: Sequence[Forgotten], tell: Tell) -> pl.DataFrame:
    """Return the rows that are of nobody who is forgotten, and tell how many are not."""
    left = without(rows, forgotten)
    gone = len(rows) - len(left)
    if gone:
        tell(f"{counted(gone, 'row')} of people who are forgotten {'is' if gone == 1 else 'are'} left out")
    if left.is_empty():
        raise DataError("every row is of people who are forgotten; nothing is left to read")
    return left


def _warner(file: Path, tell: Tell) -> Tell:
    def warn(sentence: str) -> None:
        tell(f"warning: {file.name}: {sentence}")

    return warn


def read_file(file: Path, door: Door, warn: Tell) -> pl.DataFrame:
    """Return the rows of one file by pipeline names and types, in the file's order; raises as `read_batches` does."""
    door.progress.begin(file.name)
    if file.suffix.lower() == ".parquet":
        frame = _typed(file, parquet_as_told(file, door.contract, warn), door, warn)
    else:
        with as_utf8(file, door.contract.csv) as content:
            frame = _typed(file, csv_as_told(file, content, door.contract, warn), door, warn)
    if frame.is_empty():
        raise DataError(f"{file.name} has a header and no rows")
    return frame


def parquet_as_told(file: Path, contract: Contract, warn: Tell) -> pl.LazyFrame:
    """Return the contract's columns of a file as text, and times as they are; raise `DataError` as `read_file` does."""
    try:
        whole = pl.scan_parquet(file, glob=False)
        _look_at_header(file, whole.collect_schema().names(), contract, warn)
        for sentence in require_exact(file, whole, contract):
            warn(sentence)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{file.name} cannot be read as Parquet: {first_line(error)}") from None
    return _with_optional(_scan_parquet(file, contract), contract)


def csv_as_told(file: Path, content: Path, contract: Contract, warn: Tell) -> pl.LazyFrame:
    """Return the columns of a file, whose text in UTF-8 is in `content`; raise `DataError` as `read_file` does."""
    if is_utf8_after_all(file, contract.csv):
        warn(f"its letters are those of UTF-8, the contract's csv.encoding says {contract.csv.encoding}")
    raw = scan_csv(file, content, contract.csv)
    names = header_of(content, contract.csv, raw.collect_schema().names())
    require_readable(file, names, contract)
    _look_at_header(file, names, contract, warn)
    return _with_optional(even_rows(file, content, raw, names, contract.csv, warn), contract)


def _look_at_header(file: Path, names: Sequence[str], contract: Contract, warn: Tell) -> None:
    header = look_at(names, contract)
    if header.faults:
        raise DataError(f"{file.name}: {'; '.join(header.faults)}")
    for sentence in header.warnings:
        warn(sentence)


def _typed(file: Path, raw: pl.LazyFrame, door: Door, warn: Tell) -> pl.DataFrame:
    """Return the typed rows; raise `DataError` where a value is not of its column's type, or missing and needed.

    A column without gaps is right, so only the others are looked at once more.
    """
    contract, types = door.contract, raw.collect_schema()
    ids = [pl.format("{}:{}", pl.lit(batch_name(file)), ROW).alias("event_id")] if contract.event_id else []
    parsed = {column: expression_of(column, contract, types[column.source]) for column in contract.in_files}
    try:
        parsed |= _hidden(file, raw, door, warn)
        columns = [*ids, *(parse.alias(column.name) for column, parse in parsed.items())]
        numbered = raw.with_row_index(ROW, offset=1) if contract.event_id else raw
        frame = door.progress.collect(numbered.select(*columns, pl.lit(batch_name(file)).alias(BATCH)))
        gaps = [column for column in contract.in_files if frame[column.name].null_count()]
        checks = [check for column in gaps for check in checks_of(column, parsed[column])]
        faults = raw.select(checks).collect(engine="streaming").row(0, named=True) if gaps else {}
        rounded = rounded_amounts(raw, contract)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(file, error) from None
    sentences = [s for column in gaps for s in sentences_of(column, faults, contract)]
    if sentences:
        raise DataError(f"{file.name}: " + "; ".join(sentences))
    _require_bounds(file, frame, contract)
    for sentence in rounded:
        warn(sentence)
    return frame


def _hidden(file: Path, raw: pl.LazyFrame, door: Door, warn: Tell) -> dict[Column, pl.Expr]:
    """Return the pseudonyms of the secret columns; that a file still has plain values is told."""
    found = {}
    for column in door.contract.secrets:
        found[column], plain = hide(file, raw, column, door.contract, door.pseudonyms[column.name])
        if plain:
            values = counted(plain, "value is", "values are")
            warn(
                f"{column.source}: {values} plain in the file and pseudonyms from here on; `mlflow-fraud data add "
                "<the file> --replace` pins it without them"
            )
    return found


def _require_bounds(file: Path, frame: pl.DataFrame, contract: Contract) -> None:
    """Raise `DataError` where a value is larger, longer or further away in time than anything is held."""
    decimals = contract.currency_decimals
    checks = [beyond(column, decimals=decimals).sum().alias(column.name) for column in contract.kept]
    numbers = frame.select(checks).row(0, named=True)
    said = [
        f"{column.source}: {counted(numbers[column.name], 'value is', 'values are')} beyond the bounds, "
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
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{file.name} cannot be read as Parquet: {first_line(error)}") from None
    return raw.select(
        as_told(column.source, types[column.source]) for column in contract.in_files if column.source in types
    )


def _with_optional(raw: pl.LazyFrame, contract: Contract) -> pl.LazyFrame:
    """Return `raw` with an empty column for each optional one that the file lacks."""
    found = raw.collect_schema().names()
    absent = [column.source for column in contract.in_files if column.source not in found]
    return raw.with_columns(pl.lit(None, pl.String).alias(source) for source in absent)
