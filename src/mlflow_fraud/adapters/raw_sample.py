"""A look at a file that has no contract yet: how it is written, and its first rows as text."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import polars as pl

from mlflow_fraud.adapters.raw_batches import is_batch
from mlflow_fraud.adapters.raw_csv import CHUNK, as_utf8, first_line, header_of, opened, scan_csv
from mlflow_fraud.core.batch_names import SUFFIXES
from mlflow_fraud.core.contract import Csv
from mlflow_fraud.core.counted import listed
from mlflow_fraud.core.csv_form import HEAD_LINES, guess_decimal, guess_encoding, guess_separator
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.header import is_row, names_doubled
from mlflow_fraud.core.strict import parse

ROWS = 1000
"""So many rows tell the decimal mark."""


def read_sample(file: Path, rows: int, csv: Csv) -> pl.DataFrame:
    """Return the first rows of a file as text, all columns of it; raise `DataError` where it cannot be read."""
    try:
        if file.suffix.lower() == ".parquet":
            return pl.scan_parquet(file, glob=False).head(rows).select(pl.all().cast(pl.String)).collect()
        with as_utf8(file, csv) as content:
            scanned = scan_csv(file, content, csv)
            _require_names(file, header_of(content, csv, scanned.collect_schema().names()))
            sample = scanned.head(rows).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{file.name} cannot be read: {first_line(error)}") from None
    if sample.is_empty():
        raise DataError(f"{file.name} has no rows to draft a contract from")
    return sample


def csv_form_of(file: Path, **stated: str) -> Csv:
    """Return how a file is written, told from its content but for what is `stated`; raise `DataError` for no batch."""
    if not (file.is_file() and is_batch(file)):
        raise DataError(f"{file} is not there or is no batch; expected a {', '.join(SUFFIXES)} file")
    said = {key: value for key, value in stated.items() if value}
    parse(Csv, said, where="how the file is written")
    if file.suffix.lower() == ".parquet":
        return Csv()
    try:
        if "encoding" not in said:
            with opened(file) as stream:
                said["encoding"] = guess_encoding(iter(partial(stream.read, CHUNK), b""))
        if "separator" not in said:
            said["separator"] = guess_separator(_head(file, said["encoding"]))
    except (OSError, EOFError, UnicodeError, LookupError) as error:
        raise DataError(f"{file.name} cannot be read: {first_line(error)}") from None
    form = parse(Csv, said, where="how the file is written")
    if "decimal" not in said:
        form = form.model_copy(update={"decimal": guess_decimal(_texts(read_sample(file, ROWS, form)))})
    return form


def _require_names(file: Path, names: list[str]) -> None:
    """Raise `DataError` where the first line has no names, or one twice."""
    if is_row(names):
        raise DataError(f"{file.name} begins with a row; put a line with the names of its columns before it")
    twice = names_doubled(names)
    if twice:
        raise DataError(f"{file.name} has two columns of the name {listed(twice)}; rename one of them")


def _head(file: Path, encoding: str) -> list[str]:
    with opened(file) as packed, io.TextIOWrapper(packed, encoding=encoding, newline="") as text:
        return [line.removeprefix("\ufeff") for line in islice(text, HEAD_LINES)]


def _texts(sample: pl.DataFrame) -> Iterator[list[str]]:
    return (column.drop_nulls().to_list() for column in sample)
