"""A raw file's secret columns at the door: their values as pseudonyms, and the file anew without the plain ones."""

from __future__ import annotations

import csv
import gzip
import io
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

import polars as pl

from mlflow_fraud.adapters.files import write_parquet
from mlflow_fraud.adapters.raw_csv import CHUNK, as_utf8, header_of, scan_csv, unreadable
from mlflow_fraud.adapters.raw_values import as_told, expression_of
from mlflow_fraud.core.contract.bounds import expected_plain, plain_holder
from mlflow_fraud.core.contract.contract import Column, Contract
from mlflow_fraud.core.contract.pseudonym import BEGINS, Pseudonyms
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.errors import DataError


class Hidden(NamedTuple):
    """What becomes of a secret column: the expression of its pseudonyms, and how many values were plain."""

    pseudonyms: pl.Expr
    plain: int


def hide(file: Path, raw: pl.LazyFrame, column: Column, contract: Contract, of: Pseudonyms) -> Hidden:
    """Return a secret column's pseudonyms: each different value is looked at once, and no message has one.

    What is not of the column's type is null, as in any other column. Raises `DataError` for values beyond the bounds
    and the contract's own limits, which nobody could hold it to behind the door, and for pseudonyms of another key.
    """
    told = expression_of(column, contract, raw.collect_schema()[column.source])
    counts = raw.select(told.alias("value")).drop_nulls().group_by("value").len().collect(engine="streaming")
    holds = plain_holder(column, decimals=contract.currency_decimals)
    known: dict[str, str] = {}
    plain = beyond = foreign = 0
    for value, rows in counts.iter_rows():
        if not value.startswith(BEGINS):
            plain += rows
            if not holds(value):
                beyond += rows
                continue
        try:
            known[value] = of.of(value)
        except ValueError:
            foreign += rows
    _require_none(file, column, contract, beyond, foreign)
    hidden = told.replace_strict(list(known), list(known.values()), default=None, return_dtype=pl.String)
    return Hidden(hidden if known else pl.lit(None, pl.String), plain)


def write_hidden(file: Path, contract: Contract, pseudonyms: Mapping[str, Pseudonyms], target: Path) -> dict[str, int]:
    """Write `file` anew with pseudonyms in place of plain values, all else as it was; return how many of each column.

    `file` is one that `read_batches` reads. Where no value is plain nothing is written.
    """
    try:
        if file.suffix.lower() == ".parquet":
            whole = pl.scan_parquet(file, glob=False)
            types = whole.collect_schema()
            told = whole.with_columns(as_told(column.source, types[column.source]) for column in contract.secrets)
            hidden, plain = _hide_each(file, told, contract, pseudonyms)
            if plain:
                write_parquet(target, told.with_columns(hidden).collect())
            return plain
        with as_utf8(file, contract.csv) as content:
            raw = scan_csv(file, content, contract.csv)
            hidden, plain = _hide_each(file, raw, contract, pseudonyms)
            if plain:
                names = header_of(content, contract.csv, raw.collect_schema().names())
                _write_csv(target, names, raw.with_columns(hidden), contract)
            return plain
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(file, error) from None


def _hide_each(
    file: Path, raw: pl.LazyFrame, contract: Contract, pseudonyms: Mapping[str, Pseudonyms]
) -> tuple[list[pl.Expr], dict[str, int]]:
    found = {column.source: hide(file, raw, column, contract, pseudonyms[column.name]) for column in contract.secrets}
    return (
        [each.pseudonyms.alias(source) for source, each in found.items()],
        {source: each.plain for source, each in found.items() if each.plain},
    )


def _require_none(file: Path, column: Column, contract: Contract, beyond: int, foreign: int) -> None:
    if beyond:
        raise DataError(
            f"{file.name}: {column.source}: {counted(beyond, 'value is', 'values are')} beyond the bounds, expected "
            f"{expected_plain(column, decimals=contract.currency_decimals)}"
        )
    if foreign:
        raise DataError(
            f"{file.name}: {column.source}: {counted(foreign, 'value is a pseudonym', 'values are pseudonyms')} of "
            "another key or another column, or cut off; expected plain values, or pseudonyms of the key that the "
            f"contract {contract.name} pins: bring the rows as they were"
        )


def _write_csv(target: Path, names: Sequence[str], rows: pl.LazyFrame, contract: Contract) -> None:
    """Write the rows as the contract's files are written; the same rows, the same bytes."""
    form = contract.csv
    with tempfile.TemporaryDirectory(dir=target.parent) as folder, _text(target, form.encoding) as sink:
        csv.writer(sink, delimiter=form.separator, lineterminator="\n").writerow(names)
        body = Path(folder) / "rows.csv"
        rows.sink_csv(body, include_header=False, separator=form.separator, maintain_order=True)
        with body.open(encoding="utf-8", newline="") as source:
            shutil.copyfileobj(source, sink, CHUNK)


@contextmanager
def _text(target: Path, encoding: str) -> Iterator[IO[str]]:
    """Give a text file to write to, packed where its name says so; it holds no time and no name."""
    with target.open("wb") as plain:
        packed = gzip.GzipFile("", "wb", 6, plain, mtime=0) if target.suffix.lower() == ".gz" else None
        with io.TextIOWrapper(packed or plain, encoding=encoding, newline="") as text:
            yield text
