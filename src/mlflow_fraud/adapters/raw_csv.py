"""CSV files as columns of text: packed or not, in the contract's encoding; what cannot be as meant is refused."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

import polars as pl

from mlflow_fraud.core.contract.contract import Contract, Csv
from mlflow_fraud.core.contract.csv_form import SEPARATORS
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.errors import DataError

CHUNK = 1 << 20
_LINE, _NUMBER = "line", "number"
_CARRIAGE_RETURN = re.compile(r"\r(?!\n)")
_RENAMED = re.compile(r"(.*)_duplicated_\d+$", re.DOTALL)


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


def header_of(content: Path, csv: Csv, read_as: Sequence[str]) -> list[str]:
    """Return the names of the columns as they stand in the file.

    `read_as` are those that Polars gives: it renames what is there twice.
    """
    try:
        scanned = pl.scan_csv(
            content,
            has_header=False,
            infer_schema=False,
            separator=csv.separator,
            encoding="utf8-lossy",
            truncate_ragged_lines=True,
            glob=False,
        )
        first = scanned.head(1).collect(engine="streaming").rows()
    except (pl.exceptions.PolarsError, OSError):
        first = []
    if first and len(first[0]) == len(read_as):
        return [name or "" for name in first[0]]
    given = [(_RENAMED.match(name), name) for name in read_as]
    return [again[1] if again and again[1] in read_as else name for again, name in given]


class Lines(NamedTuple):
    """What a look at the lines of a file finds, without those of values with line ends in them."""

    surplus: int = 0
    """How many have more values than the header has names; empty values at the end are none."""
    short: int = 0
    """How many have fewer values than the header has names."""
    malformed: int = 0
    """How many have text behind a closing quote."""
    stray: int = 0
    """How many have a quote within a value that has none around it, so that the lines behind it would be one value."""
    open: int = 0
    """How many have a quote that nothing closes: one at most."""
    nul: int = 0
    empty: int = 0
    """How many have nothing but separators, if anything."""
    first_surplus: int | None = None
    first_short: int | None = None
    first_malformed: int | None = None
    first_stray: int | None = None
    first_open: int | None = None
    first_nul: int | None = None


def _look_at_lines(file: Path, content: Path, names: Sequence[str], csv: Csv) -> Lines:
    """Return what there is in the lines of the UTF-8 text in `content`; `file` is what a message names.

    A quote that is open at the end of a line goes on in the next.
    """
    lines = pl.scan_lines(content, name=_LINE, glob=False)
    try:
        if _is_plain(lines, len(names), csv.separator):
            return Lines()
        found = _look_at_each(lines, names, csv.separator).collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(file, error) from None
    return Lines(**found.row(0, named=True))


def _is_plain(lines: pl.LazyFrame, names: int, separator: str) -> bool:
    """Return whether no line has a quote or a NUL in it or nothing at all, and all have as many values as names."""
    line = pl.col(_LINE)
    marks = line.str.count_matches(separator, literal=True)
    marked = [line.str.contains(mark, literal=True).sum().alias(mark) for mark in ('"', "\x00")]
    empty = _is_empty(line, separator).sum().alias("empty")
    found = lines.select((marks != names - 1).sum(), *marked, empty).collect(engine="streaming")
    return not any(found.row(0))


def _look_at_each(lines: pl.LazyFrame, names: Sequence[str], separator: str) -> pl.LazyFrame:
    """Return the one row of what there is in the lines; what several columns are made of is made once."""
    line, quotes = pl.col(_LINE), pl.col("quotes")
    named = len(names) - next((place for place, name in enumerate(reversed(names)) if name.strip()), 0)
    counts = lines.with_row_index(_NUMBER, offset=1).with_columns(
        line.str.count_matches('"', literal=True).alias("quotes")
    )
    outside, even = (quotes.cum_sum() - quotes) % 2 == 0, quotes % 2 == 0
    records = counts.with_columns(
        (outside & even).alias("whole"),
        (outside & ~even).alias("opens"),
        (~outside & ~even).alias("closes"),
        pl.when(quotes > 0).then(line.str.replace_all('"[^"]*"', "")).otherwise(line).alias("bare"),
    )
    bare, whole = pl.col("bare"), pl.col("whole")
    filled = bare.str.strip_chars_end(f"{separator}\r").str.count_matches(separator, literal=True) + 1
    empty = (quotes == 0) & _is_empty(line, separator)
    short = bare.str.count_matches(separator, literal=True) + 1 < named
    flags = records.select(
        pl.col(_NUMBER),
        (whole & (filled > len(names))).alias("surplus"),
        (whole & short & ~empty).alias("short"),
        (whole & (quotes > 0) & ~line.str.contains(_well_formed(separator))).alias("malformed"),
        _is_stray(separator).alias("stray"),
        quotes,
        pl.col("opens"),
        line.str.contains("\x00", literal=True).alias("nul"),
        (whole & empty).alias("empty"),
    )
    kinds = ("surplus", "short", "malformed", "stray", "nul")
    firsts = [pl.col(_NUMBER).filter(pl.col(kind)).min().alias(f"first_{kind}") for kind in kinds]
    left_open, last = quotes.sum() % 2, pl.col(_NUMBER).filter(pl.col("opens")).max()
    return flags.select(
        *(pl.col(kind).sum() for kind in (*kinds, "empty")),
        *firsts,
        left_open.alias("open"),
        pl.when(left_open == 1).then(last).alias("first_open"),
    )


def _is_empty(line: pl.Expr, separator: str) -> pl.Expr:
    return line.str.strip_chars(f"{separator} \t\r") == ""


def _is_stray(separator: str) -> pl.Expr:
    """Return whether a quote that a line leaves open, or closes, is none that stands at an end of a value.

    Such lines are few, and the others are not looked at.
    """
    rare = pl.when(~pl.col("whole") & (pl.col("quotes") > 0)).then(pl.col(_LINE))
    opens, closes, goes_on = (rare.str.contains(pattern) for pattern in _across_lines(separator))
    fits = pl.when(pl.col("opens")).then(opens).when(pl.col("closes")).then(closes).otherwise(goes_on)
    return ~fits.fill_null(value=True)


def even_rows(
    file: Path, content: Path, raw: pl.LazyFrame, names: Sequence[str], csv: Csv, warn: Callable[[str], None]
) -> pl.LazyFrame:
    """Return those rows of `raw` that have any value, and warn of the others.

    The text in UTF-8 is in `content`; `file` is what a message names. Raises `DataError` where it is not certain which
    value is which.
    """
    lines = _look_at_lines(file, content, names, csv)
    _require_even(file, lines, len(names), csv)
    if not lines.empty:
        return raw
    warn(f"{counted(lines.empty, 'line')} without any value {'is' if lines.empty == 1 else 'are'} no row")
    return raw.filter(~pl.all_horizontal(pl.all().fill_null("").str.strip_chars() == ""))


def _require_even(file: Path, lines: Lines, names: int, csv: Csv) -> None:
    """Raise `DataError` where it is not certain which value is which.

    Polars would fill a short row up and take text behind a closing quote for part of the value.
    """
    uncertain = "so it is not certain which is which"
    findings = (
        (
            lines.surplus,
            lines.first_surplus,
            f"more values than the {names} names of the header, {uncertain}",
            f"a value with {csv.separator!r} in it needs quotes around it",
        ),
        (
            lines.malformed,
            lines.first_malformed,
            "text behind a closing quote",
            "a quote within a quoted value is written twice, and no other mark takes its meaning away",
        ),
        (
            lines.stray,
            lines.first_stray,
            "a quote within a value",
            "a value with a quote in it needs quotes around it, and the one in it is written twice",
        ),
        (
            lines.open,
            lines.first_open,
            "a quote that is opened and not closed",
            "a value in quotes ends with one, also where the file was not written to its end",
        ),
        (
            lines.nul,
            lines.first_nul,
            "NUL characters",
            "the file was not written to its end; fetch it again",
        ),
        (
            lines.short,
            lines.first_short,
            f"fewer values than the {names} names of the header, {uncertain}",
            "a missing value still needs its separator, and only rows stand below the header",
        ),
    )
    for number, first, what, hint in findings:
        if number:
            have = f"{counted(number, 'row')} {'has' if number == 1 else 'have'} {what}"
            raise DataError(f"{file.name}: {have} (the first in line {first}); {hint}")


def require_readable(file: Path, found: Sequence[str], contract: Contract) -> None:
    """Raise `DataError` where the names of the columns show another encoding, or one name is many in truth."""
    if any("\x00" in name for name in found):
        raise DataError(
            f"{file.name} is not text in {contract.csv.encoding}; the contract's csv.encoding can say utf-16"
        )
    require_line_feeds(file, found)
    other = max(SEPARATORS, key=found[0].count)
    if len(found) == 1 and other in found[0]:
        raise DataError(
            f"{file.name} separates its columns by {other!r}, expected {contract.csv.separator!r}; "
            f"the contract can say csv: {{separator: {other!r}}}"
        )


def require_line_feeds(file: Path, found: Sequence[str]) -> None:
    """Raise `DataError` where the names of the columns show that lines end as on old machines, so that all are one."""
    if any(_CARRIAGE_RETURN.search(name) for name in found):
        raise DataError(f"{file.name} ends its lines with a carriage return alone; write it with line feeds")


def unreadable(file: Path, error: Exception) -> DataError:
    """Return the error for a file that breaks off, with a hint where the encoding may be to blame.

    What Polars says of a value shows the value: that is left out.
    """
    if "utf" in str(error):
        hint = "the contract's csv.encoding can say latin-1, cp1252 or utf-16"
        return DataError(f"{file.name} is not text in UTF-8; {hint}")
    if "could not parse" in str(error):
        return DataError(f"{file.name} cannot be read to its end: a quote is left open, or stands within a value")
    return DataError(f"{file.name} cannot be read to its end: {first_line(error)}")


def opened(file: Path) -> IO[bytes]:
    """Open a file for reading, unpacked where its name says that it is packed."""
    return gzip.open(file, "rb") if file.suffix.lower() == ".gz" else file.open("rb")  # type: ignore[return-value]


def is_utf8_after_all(file: Path, csv: Csv) -> bool:
    """Return whether a file has letters that only UTF-8 writes so, where its encoding is said to be another.

    In Latin-1 each of them is read as two odd ones.
    """
    if csv.encoding not in ("latin-1", "cp1252"):
        return False
    decoder, beyond = codecs.getincrementaldecoder("utf-8")(), False
    try:
        with opened(file) as packed:
            for chunk in iter(partial(packed.read, CHUNK), b""):
                beyond = not decoder.decode(chunk).isascii() or beyond
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    except (OSError, EOFError) as error:
        raise unreadable(file, error) from None
    return beyond


def first_line(error: BaseException) -> str:
    """Return the first line of what a library says."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _well_formed(separator: str) -> str:
    """Return the pattern of a line whose quotes stand around whole values."""
    mark, value = _value(separator)
    return f"^(?:{value}{mark})*{value}\\r?$"


def _across_lines(separator: str) -> tuple[str, str, str]:
    """Return the patterns of lines whose last value goes on in the next, whose first value began before, and both."""
    mark, value = _value(separator)
    inside = '(?:[^"]|"")*'
    opening, closing = f'(?:{value}{mark})*"{inside}$', f'^{inside}"'
    return f"^{opening}", f"{closing}(?:{mark}{value})*\\r?$", f"(?:^{inside}$)|(?:{closing}{mark}{opening})"


def _value(separator: str) -> tuple[str, str]:
    """Return the patterns of a separator and of a value."""
    mark = re.escape(separator)
    return mark, f'(?:"(?:[^"]|"")*"|[^"{mark}][^{mark}]*|)'


def _recode(file: Path, target: Path, encoding: str) -> None:
    try:
        with (
            opened(file) as packed,
            io.TextIOWrapper(packed, encoding=encoding, newline="") as source,
            target.open("w", encoding="utf-8", newline="") as sink,
        ):
            shutil.copyfileobj(source, sink, CHUNK)
    except UnicodeError as error:
        raise DataError(f"{file.name} is not in {encoding}, as the contract's csv.encoding says: {error}") from None
    except (OSError, EOFError) as error:
        raise DataError(f"{file.name} cannot be read to its end: {first_line(error)}") from None
