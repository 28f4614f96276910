"""Raw batches as they arrive, in CSV or Parquet files or a zip of them, read into typed, time-ordered rows."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from mlflow_fraud.adapters.raw_csv import (
    as_utf8,
    first_line,
    require_no_surplus,
    require_readable,
    scan_csv,
    unreadable,
)
from mlflow_fraud.adapters.raw_values import checks_of, expression_of, sentences_of
from mlflow_fraud.core.contract import BATCH, Contract
from mlflow_fraud.core.errors import DataError, nearest
from mlflow_fraud.core.features.batch import TIME_ORDER

ROW = "row of the file"
SUFFIXES = (".csv", ".csv.gz", ".parquet")


def find_batches(path: Path, unpack_to: Path) -> list[Path]:
    """Return the batches that `path` holds: itself, the files in a folder, or those in a zip.

    Files in a zip are unpacked into `unpack_to`. Raises `DataError` where there are none.
    """
    if path.is_dir():
        found = batches_in(path)
    elif path.suffix == ".zip":
        found = _unpack(path, unpack_to)
    elif path.is_file() and is_batch(path):
        found = [path]
    else:
        raise DataError(
            f"{path} is not there or is no batch; expected a {', '.join(SUFFIXES)} or .zip file, or a folder of them"
        )
    if not found:
        raise DataError(f"{path} holds no {', '.join(SUFFIXES)} file")
    return found


def batches_in(folder: Path) -> list[Path]:
    """Return the batches in a folder, by name."""
    return sorted(path for path in folder.glob("*") if path.is_file() and is_batch(path))


def is_batch(path: Path) -> bool:
    """Return whether a file's name is that of a batch."""
    return path.name.endswith(SUFFIXES) and not path.name.startswith(".")


def batch_name(path: Path) -> str:
    """Return the name of the batch in a file.

    >>> batch_name(Path("data/raw/cards/2020-01.csv.gz"))
    '2020-01'
    """
    return next((path.name.removesuffix(suffix) for suffix in SUFFIXES if path.name.endswith(suffix)), path.stem)


def read_batches(files: Sequence[Path], contract: Contract) -> pl.DataFrame:
    """Return all rows of `files` by pipeline names and types, in time order.

    Personal and unused columns are never read. Raises `DataError` for the first file that is not what
    the contract says, with counts and a few examples.
    """
    frames = [_read(file, contract) for file in files]
    return pl.concat(frames).sort(TIME_ORDER)


def _read(file: Path, contract: Contract) -> pl.DataFrame:
    if file.suffix == ".parquet":
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
    parsed = {column: expression_of(column, contract, types[column.source]) for column in contract.in_files}
    columns = [*ids, *(parse.alias(column.name) for column, parse in parsed.items())]
    try:
        numbered = raw.with_row_index(ROW, offset=1) if contract.event_id else raw
        frame = numbered.select(*columns, pl.lit(batch_name(file)).alias(BATCH)).collect(engine="streaming")
        gaps = [column for column in contract.in_files if frame[column.name].null_count()]
        checks = [check for column in gaps for check in checks_of(column, parsed[column])]
        faults = raw.select(checks).collect(engine="streaming").row(0, named=True) if gaps else {}
    except (pl.exceptions.ComputeError, OSError) as error:
        raise unreadable(file, error) from None
    sentences = [s for column in gaps for s in sentences_of(column, faults, contract)]
    if sentences:
        raise DataError(f"{file.name}: " + "; ".join(sentences))
    return frame


def _scan_parquet(file: Path, contract: Contract) -> pl.LazyFrame:
    try:
        raw = pl.scan_parquet(file)
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


def _unpack(archive: Path, folder: Path) -> list[Path]:
    try:
        with zipfile.ZipFile(archive) as packed:
            names = sorted(name for name in packed.namelist() if is_batch(Path(name)))
            return [_unpack_one(packed, name, folder) for name in names]
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise DataError(f"{archive.name} is not a whole zip file: {first_line(error)}; fetch it again") from None


def _unpack_one(packed: zipfile.ZipFile, name: str, folder: Path) -> Path:
    target = folder / Path(name).name
    with packed.open(name) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink, 1 << 20)
    return target
