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
from mlflow_fraud.core.bounds import beyond, expected
from mlflow_fraud.core.contract import BATCH, Column, Contract
from mlflow_fraud.core.errors import DataError, nearest
from mlflow_fraud.core.features.batch import TIME_ORDER

EXAMPLES = 3
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
    columns = [_parsed(column, contract).alias(column.name) for column in contract.kept]
    try:
        frame = raw.select(*columns, pl.lit(batch_name(file)).alias(BATCH)).collect(engine="streaming")
        gaps = [column for column in contract.kept if frame[column.name].null_count()]
        checks = [check for column in gaps for check in _checks(column, contract)]
        faults = raw.select(checks).collect(engine="streaming").row(0, named=True) if gaps else {}
    except (pl.exceptions.ComputeError, OSError) as error:
        raise unreadable(file, error) from None
    sentences = [s for column in gaps for s in _sentences(column, faults)]
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
        raw = pl.scan_parquet(file)
        types = raw.collect_schema()
    except (pl.exceptions.ComputeError, OSError) as error:
        raise DataError(f"{file.name} cannot be read as Parquet: {first_line(error)}") from None
    return raw.select(
        pl.col(column.source).dt.strftime(column.format)
        if column.format and types[column.source].is_temporal()
        else pl.col(column.source).cast(pl.String)
        for column in contract.kept
        if column.source in types
    )


def _require_columns(file: Path, raw: pl.LazyFrame, contract: Contract) -> pl.LazyFrame:
    """Return `raw` with an empty column for each optional one that the file lacks; the others must be there."""
    found = raw.collect_schema().names()
    absent = [column for column in contract.kept if column.source not in found]
    missing = [column.source for column in absent if not column.optional]
    if missing:
        require_readable(file, found, contract)
    if missing:
        hints = "; ".join(f"{name}: {nearest(name, found)}" for name in missing)
        raise DataError(f"{file.name}: {len(missing)} columns of the contract {contract.name} are missing: {hints}")
    return raw.with_columns(pl.lit(None, pl.String).alias(column.source) for column in absent)


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
        said.append(f"{column.source}: {wrong} values are not {_expected(column)}, they look like {shapes}")
    if missing and not column.may_be_missing:
        said.append(f"{column.source}: {missing} values are missing")
    return said


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
