"""A table of a release's features, opened: CSV or Parquet, each column a number, and what is not as meant refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from mlflow_fraud.adapters.raw_csv import even_rows, header_of, require_line_feeds, scan_csv
from mlflow_fraud.core.contract.contract import Csv
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.progress import Progress
from mlflow_fraud.serving.loading import Scoring
from mlflow_fraud.serving.score_target import KINDS

ID, AMOUNT = "event_id", "amount_minor"
"""Columns beside the features: what is written with each answer where it is there, and what an expected loss is of."""

SHOWN = 5
"""So many names of columns are told of more."""


def require_table(file: Path) -> None:
    """Raise `DataError` where there is no file, or its name is no table's; what is in it is not looked at."""
    if not file.is_file() or file.suffix.lower() not in KINDS:
        raise DataError(f"{file} is not there or is no table; expected a {' or '.join(KINDS)} file")


def opened(file: Path, scoring: Scoring, warn: Progress) -> pl.LazyFrame:
    """Return the columns that matter: features as `Float64`, whatever number they are, the others as they are written.

    A blank or NaN is missing. A text that is no number becomes an infinite one, which is refused with its row. Raises
    `DataError` where columns are missing or there twice, or it is not certain which value is which.
    """
    is_csv, names = file.suffix.lower() == ".csv", scoring.schema.names
    needed = [*names, *([] if scoring.manifest.cutoff.expected_loss is None else [AMOUNT])]
    with readable(file):
        table = _csv(file, needed, warn) if is_csv else pl.scan_parquet(file, glob=False)
        types = table.collect_schema()
    missing = [name for name in needed if name not in types]
    if missing:
        raise DataError(
            f"{file} lacks {_some(missing)}; expected the {len(needed)} columns that {scoring.manifest.version} is "
            "made of. A file of transactions is scored without --features"
        )
    wrong = [] if is_csv else [name for name in needed if not types[name].is_numeric()]
    if wrong:
        raise DataError(f"{file} has no numbers in {_some(wrong)}; expected a finite number or a missing value in each")
    read = _number if is_csv else _as_it_is
    beside = [pl.col(ID).cast(pl.String)] if ID in types else []
    return table.select(*beside, *(read(name) for name in needed))


@contextmanager
def readable(file: Path) -> Iterator[None]:
    """Turn what keeps the file from being read into `DataError`."""
    try:
        yield
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{file} cannot be read as a table: {' '.join(str(error).split())[:200]}") from None


def _csv(file: Path, needed: Sequence[str], warn: Progress) -> pl.LazyFrame:
    """Return the rows of a file as texts, as a file of transactions is read."""
    csv = Csv()
    table = scan_csv(file, file, csv)
    names = header_of(file, csv, table.collect_schema().names())
    if len(names) == 1 < len(needed) or any("\x00" in name for name in names):
        raise DataError(f"{file} is no table of features: expected text in UTF-8 with ',' between its columns")
    require_line_feeds(file, names)
    for name in (*needed, ID):
        if names.count(name) > 1:
            raise DataError(
                f"{file}: {name} is there {names.count(name)} times, so it is not certain which is meant; take the "
                "others out or rename them"
            )
    return even_rows(file, file, table, names, csv, warn)


def _number(name: str) -> pl.Expr:
    """Return what reads a column of texts as numbers."""
    text = pl.col(name).str.strip_chars()
    number = text.cast(pl.Float64, strict=False)
    return pl.when(number.is_null() & (text != "")).then(pl.lit(float("inf"))).otherwise(number).alias(name)


def _as_it_is(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
