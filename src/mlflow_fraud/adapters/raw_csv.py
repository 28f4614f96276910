"""CSV files as columns of text: packed or not, in the contract's encoding; what cannot be as meant is refused."""

from __future__ import annotations

import gzip
import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import polars as pl

from mlflow_fraud.core.contract import Contract, Csv
from mlflow_fraud.core.csv_form import SEPARATORS
from mlflow_fraud.core.errors import DataError


@contextmanager
def as_utf8(file: Path, csv: Csv) -> Iterator[Path]:
    """Give a file with the same text in UTF-8: the file itself where it is so already."""
    if csv.encoding == "utf-8":
        yield file
        return
    with tempfile.NamedTemporaryFile(suffix=".csv") as recoded:
        _recode(file, Path(recoded.name), csv.encoding)
        yield Path(recoded.name)


def scan_csv(file: Path, content: Path, csv: Csv) -> pl.LazyFrame:
    """Scan the UTF-8 text in `content`; `file` is what a message names."""
    try:
        raw = pl.scan_csv(content, infer_schema=False, separator=csv.separator, glob=False)
        raw.collect_schema()
    except pl.exceptions.NoDataError:
        raise DataError(f"{file.name} is empty; expected a header line and rows") from None
    except (pl.exceptions.PolarsError, UnicodeDecodeError, OSError) as error:
        raise DataError(f"{file.name} cannot be read as CSV: {first_line(error)}") from None
    return raw


def require_no_surplus(file: Path, content: Path, names: int, csv: Csv) -> None:
    """Raise `DataError` where rows have more values than the header has names: which value is which is not certain.

    Empty values at the end of a line are none. A line of a value with line ends in it is left out.
    """
    line, quote = pl.col("line"), pl.lit('"')
    quotes = line.str.count_matches(quote, literal=True)
    bare = pl.when(quotes > 0).then(line.str.replace_all('"[^"]*"', "")).otherwise(line)
    values = bare.str.strip_chars_end(csv.separator + "\r").str.count_matches(csv.separator, literal=True) + 1
    surplus = (values > names) & (quotes % 2 == 0)
    try:
        found = pl.scan_lines(content, name="line", glob=False).select(surplus.sum()).collect(engine="streaming").item()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(file, error) from None
    if found:
        raise DataError(
            f"{file.name}: {found} rows have more values than the {names} names of the header, so it is not certain "
            f"which is which; a value with {csv.separator!r} in it needs quotes around it"
        )


def require_readable(file: Path, found: list[str], contract: Contract) -> None:
    """Raise `DataError` where the names of the columns show another encoding, or one name is many in truth."""
    if any("\x00" in name for name in found):
        raise DataError(
            f"{file.name} is not text in {contract.csv.encoding}; the contract's csv.encoding can say utf-16"
        )
    other = max(SEPARATORS, key=found[0].count)
    if len(found) == 1 and other in found[0]:
        raise DataError(
            f"{file.name} separates its columns by {other!r}, expected {contract.csv.separator!r}; "
            f"the contract can say csv: {{separator: {other!r}}}"
        )


def unreadable(file: Path, error: Exception) -> DataError:
    """Return the error for a file that breaks off, with a hint where the encoding may be to blame."""
    if "utf" in str(error):
        hint = "the contract's csv.encoding can say latin-1, cp1252 or utf-16"
        return DataError(f"{file.name} is not text in UTF-8; {hint}")
    return DataError(f"{file.name} cannot be read to its end: {first_line(error)}")


def opened(file: Path) -> IO[bytes]:
    """Open a file for reading, unpacked where its name says that it is packed."""
    return gzip.open(file, "rb") if file.suffix.lower() == ".gz" else file.open("rb")  # type: ignore[return-value]


def first_line(error: BaseException) -> str:
    """Return the first line of what a library says."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _recode(file: Path, target: Path, encoding: str) -> None:
    try:
        with (
            opened(file) as packed,
            io.TextIOWrapper(packed, encoding=encoding, newline="") as source,
            target.open("w", encoding="utf-8", newline="") as sink,
        ):
            shutil.copyfileobj(source, sink, 1 << 20)
    except UnicodeError as error:
        raise DataError(f"{file.name} is not in {encoding}, as the contract's csv.encoding says: {error}") from None
    except (OSError, EOFError) as error:
        raise DataError(f"{file.name} cannot be read to its end: {first_line(error)}") from None
