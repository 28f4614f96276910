"""A look at a file that has no contract yet: how it is written, and its first rows as text."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

import polars as pl
import polars.selectors as cs

from mlflow_fraud.adapters.raw_batches import is_batch
from mlflow_fraud.adapters.raw_csv import CHUNK, as_utf8, first_line, header_of, opened, scan_csv
from mlflow_fraud.core.contract.batch_names import SUFFIXES
from mlflow_fraud.core.contract.contract import Csv
from mlflow_fraud.core.contract.csv_form import HEAD_LINES, guess_decimal, guess_encoding, guess_separator
from mlflow_fraud.core.contract.header import is_row, names_doubled
from mlflow_fraud.core.counted import listed
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.strict import parse

T = TypeVar("T")

ROWS = 1000
"""So many rows tell the decimal mark."""


class Sample(NamedTuple):
    """Rows of a file as text, all columns of it, and how many rows the file has."""

    rows: pl.DataFrame
    of: int


def read_sample(file: Path, rows: int, csv: Csv) -> Sample:
    """Return so many rows from all over a file at most; raise `DataError` where it cannot be read.

    The first rows of a file are of its first days, in which a day can be taken for a month.
    """

    def spread(raw: pl.LazyFrame) -> Sample:
        of = raw.select(pl.len()).collect().item()
        return Sample(raw.gather_every(max(1, -(-of // rows))).collect(engine="streaming"), of)

    sample = _taken(file, csv, spread)
    if not sample.of:
        raise DataError(f"{file.name} has no rows to draft a contract from")
    return sample


def _taken(file: Path, csv: Csv, take: Callable[[pl.LazyFrame], T]) -> T:
    """Return what is taken of a file's columns of text."""
    try:
        if file.suffix.lower() == ".parquet":
            whole = pl.scan_parquet(file, glob=False).with_columns(cs.float().fill_nan(None))
            return take(whole.select(pl.all().cast(pl.String)))
        with as_utf8(file, csv) as content:
            scanned = scan_csv(file, content, csv)
            _require_names(file, header_of(content, csv, scanned.collect_schema().names()))
            return take(scanned)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{file.name} cannot be read: {first_line(error)}") from None


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
        form = form.model_copy(update={"decimal": guess_decimal(_texts(_taken(file, form, _first)))})
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


def _first(raw: pl.LazyFrame) -> pl.DataFrame:
    return raw.head(ROWS).collect()


def _texts(sample: pl.DataFrame) -> Iterator[list[str]]:
    return (column.drop_nulls().to_list() for column in sample)
