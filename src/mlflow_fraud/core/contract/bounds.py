"""How large a value may be: stated once, for the readers of files, the service's requests and the pages.

Within these bounds the engines agree to the last bit: whole numbers are exact as 64-bit floats, sums of their squares
are exact in 128 bits, and nothing is beyond the 32-bit floats that a model takes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

import polars as pl

from mlflow_fraud.core.contract.column import TIMES, Column
from mlflow_fraud.core.contract.pseudonym import is_pseudonym

WHOLE = 10**15
"""Amounts in minor units, and whole numbers that features read: from minus to plus so much."""

DECIMAL = 10**12
"""Decimals; in thousandths they are within `WHOLE`."""

LEAST_ID, GREATEST_ID = -(2**63), 2**63 - 1
"""Ids and other whole numbers that nothing is added to: 64 bits."""

LATITUDE, LONGITUDE = 90, 360
"""Degrees; a longitude may count from -180 or from 0."""

LETTERS = 500
"""Characters of a text or an id."""

BEGIN, END = datetime(1800, 1, 1), datetime(2199, 12, 31, 23, 59, 59, 999_999)  # noqa: DTZ001 the data's local time
"""Days and times."""

BODY_BYTES = 64 * 1024
"""A request of one transaction, whole."""

SCORE = 10**6
"""A score, in standard deviations: one beyond says no more than one so far out."""

RATIO = 1e30
"""A ratio, in either direction: within 32-bit floats whatever is divided by what."""

_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
_CONTROL_CHARACTER = re.compile(_CONTROL)


class Range(NamedTuple):
    """From the least to the greatest value, both allowed, in the units that a file and a request have."""

    least: Any
    greatest: Any

    def __str__(self) -> str:
        return f"{_said(self.least)} to {_said(self.greatest)}"


def range_of(column: Column, *, decimals: int) -> Range:
    """Return between what a number or a time has to be, whatever the contract says; `decimals` are the currency's.

    >>> amount = Column(source="amt", role="amount", type="decimal")
    >>> str(range_of(amount, decimals=2))
    '-10000000000000 to 10000000000000'
    """
    if column.type in TIMES:
        return Range(BEGIN, END)
    if column.role == "amount":
        most = WHOLE // 10**decimals
    elif column.role == "label_chance":
        return Range(0, 1)
    elif column.role == "location":
        most = LATITUDE if column.axis == "latitude" else LONGITUDE
    elif column.type == "decimal":
        most = DECIMAL
    elif column.role == "numeric":
        most = WHOLE
    else:
        return Range(LEAST_ID, GREATEST_ID)
    return Range(-most, most)


def narrowed(column: Column, *, decimals: int) -> Range:
    """Return between what a number or a time has to be: the contract's own limits, within the bounds."""
    least, greatest = range_of(column, decimals=decimals)
    low, high = own_limits(column)
    return Range(least if low is None else max(low, least), greatest if high is None else min(high, greatest))


def own_limits(column: Column) -> tuple[Any, Any]:
    """Return the contract's own least and greatest, as a file has them; None where it says nothing."""
    if column.type in TIMES:
        return column.limit(column.minimum, decimals=0), column.limit(column.maximum, decimals=0)
    low, high = (None if bound is None else float(bound) for bound in (column.minimum, column.maximum))
    if column.type == "integer":
        return None if low is None else math.ceil(low), None if high is None else math.floor(high)
    return low, high


def beyond(column: Column, *, decimals: int) -> pl.Expr:
    """Return whether a value of the pipeline's own type and units is beyond the bounds; null is not."""
    value = pl.col(column.name)
    if column.type == "text":
        return (value.str.len_chars() > LETTERS) | value.str.contains(_CONTROL)
    least, greatest = _in_the_pipeline(column, decimals)
    wrong: pl.Expr = (value < least) | (value > greatest)
    return wrong | ~value.is_finite() if column.dtype == pl.Float64() else wrong


def expected(column: Column, *, decimals: int) -> str:
    """Return what a value within the bounds is, in words."""
    if column.type == "text":
        return f"at most {LETTERS} characters, none of them a control character"
    return str(range_of(column, decimals=decimals))


def plain_holder(column: Column, *, decimals: int) -> Callable[[str], bool]:
    """Return a function that says whether a secret column's plain value is what the contract allows.

    Behind the door nobody could tell any more.
    """
    if column.type == "text":
        return _is_held_text
    least, greatest = narrowed(column, decimals=decimals)
    return lambda value: bool(least <= int(value) <= greatest)


def expected_plain(column: Column, *, decimals: int) -> str:
    """Return what a secret column's plain value is, in words."""
    return expected(column, decimals=decimals) if column.type == "text" else str(narrowed(column, decimals=decimals))


def has_control_character(text: str) -> bool:
    """Return whether a text holds what no text has: NUL, escape and their like; tabs and line ends are allowed."""
    return _CONTROL_CHARACTER.search(text) is not None


def holder(columns: tuple[Column, ...], *, decimals: int) -> Callable[[Mapping[str, Any]], bool]:
    """Return a function that says whether a transaction by pipeline names has values of the right kind, in bounds.

    It is for what was recorded under other rules. A column that is not there is not looked at; what may not be
    missing in any transaction is looked for.
    """
    checks = [(column.name, column.role in _NEVER_MISSING, _checked(column, decimals)) for column in columns]

    def holds(transaction: Mapping[str, Any]) -> bool:
        for name, needed, check in checks:
            value = transaction.get(name)
            if value is None:
                if needed:
                    return False
            elif not check(value):
                return False
        return True

    return holds


_NEVER_MISSING = frozenset({"event_id", "event_time", "amount"})


def _checked(column: Column, decimals: int) -> Callable[[Any], bool]:
    if column.secret:
        return lambda value: isinstance(value, str) and is_pseudonym(value)
    if column.type == "text":
        return _is_held_text
    least, greatest = _in_the_pipeline(column, decimals)
    if column.type == "timestamp":
        return lambda value: isinstance(value, datetime) and value.tzinfo is None and least <= value <= greatest
    if column.type == "date":
        return lambda value: type(value) is date and least <= value <= greatest
    kinds = (int,) if column.dtype.is_integer() else (int, float)
    return lambda value: isinstance(value, kinds) and value is not True and least <= value <= greatest


def _is_held_text(value: Any) -> bool:
    if not isinstance(value, str) or len(value) > LETTERS:
        return False
    return value.isprintable() or not has_control_character(value)  # the first nearly always, and quicker


def _in_the_pipeline(column: Column, decimals: int) -> Range:
    """Return the bounds in the pipeline's own units."""
    if column.role == "amount":
        return Range(-WHOLE, WHOLE)
    least, greatest = range_of(column, decimals=decimals)
    return Range(least.date(), greatest.date()) if column.type == "date" else Range(least, greatest)


def _said(bound: Any) -> str:
    return f"{bound:%Y-%m-%d}" if isinstance(bound, datetime) else str(bound)
