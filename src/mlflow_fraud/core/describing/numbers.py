"""What notation the numbers of a column of text are in, and what keeps a column of numbers from being one."""

from __future__ import annotations

import re
from typing import Literal

import polars as pl

from mlflow_fraud.core.contract.notation import DECIMAL, MOST_EXACT

_WHOLE = r"^[+-]?(0|[1-9]\d{0,18})$"
_CODE = r"^[+-]?0\d+$"
"""Leading zeros: the digits are a name, not a number."""
_ABSENT = r"(?i)^(na|n/a|#n/a|nan|null|none|nil|[+-]?inf(inity)?|\\n|-|\?|\.)$"
_MARKS = r"[$€£¥₹%\s'\u2019_]|\b[A-Z]{3}\b"
_GROUPED = re.compile(r"^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$")


def kind_of_numbers(there: pl.Series) -> Literal["integer", "decimal"] | None:
    """Return what numbers the values are, None where one of them is none; codes with leading zeros are none.

    >>> [kind_of_numbers(pl.Series([text, "7"])) for text in ("1e+05", "4.2e-05", "+3", ".5", "007", "9" * 19)]
    ['integer', 'decimal', 'integer', 'decimal', None, None]
    """
    if there.is_empty() or there.str.contains(_CODE).any() or not there.str.contains(DECIMAL).all():
        return None
    others = there.filter(~there.str.contains(_WHOLE))
    if there.filter(there.str.contains(_WHOLE)).cast(pl.Int64, strict=False).null_count():
        return None  # beyond 64 bits: digits of a name
    if others.is_empty():
        return "integer"
    if others.str.contains(r"^[+-]?\d{20,}$").any():
        return None
    values = others.cast(pl.Float64)
    written_whole = not others.str.contains(r"\.0*$|^[^eE]*\.[^eE]*$").any()
    whole = bool(((values == values.floor()) & (values.abs() <= MOST_EXACT)).all())
    return "integer" if written_whole and whole else "decimal"


def as_numbers(there: pl.Series) -> pl.Series:
    """Return the values of a column that `kind_of_numbers` knows, as floats."""
    return there.str.strip_prefix("+").cast(pl.Float64)


def absent_words(there: pl.Series) -> pl.Series:
    """Return the words for a missing value among values that are numbers but for them; empty where there are none."""
    absent = there.str.contains(_ABSENT)
    rest = there.filter(~absent)
    return there.filter(absent).unique().sort() if absent.any() and kind_of_numbers(rest) else there.clear()


def marks_of(there: pl.Series) -> str:
    """Return what stands around or within numbers, such as a currency or a sign between thousands; else nothing.

    >>> marks_of(pl.Series(["$12.50", "$3"])), marks_of(pl.Series(["1,234.50", "7"])), marks_of(pl.Series(["a1"]))
    ('$', ',', '')
    """
    if there.is_empty() or kind_of_numbers(there):
        return ""
    bare = there.str.replace_all(_MARKS, "")
    plain = bare.str.replace_all(",", "", literal=True)
    if not plain.str.contains(DECIMAL).all() or plain.str.contains(_CODE).any():
        return ""
    grouped = [value for value in bare.filter(bare.str.contains(",", literal=True)) if not _GROUPED.match(value)]
    found = "".join(there.head(1000)).translate(str.maketrans("", "", "0123456789.+-eE"))
    return "" if grouped else "".join(sorted(set(found)))
