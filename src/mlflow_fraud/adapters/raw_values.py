"""A raw file's columns become values of their types; what is none is null, and told by its form."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import polars as pl

from mlflow_fraud.core.contract.contract import Column, Contract
from mlflow_fraud.core.contract.moments import count_expression, local_expression, text_expression
from mlflow_fraud.core.contract.notation import (
    COMMA,
    LARGEST,
    THOUSANDS,
    WHOLE,
    decimal_expression,
    integer_expression,
    with_point,
)
from mlflow_fraud.core.contract.pseudonym import BEGINS
from mlflow_fraud.core.contract.time_format import SPACES, time_format

EXAMPLES = 3


def expression_of(column: Column, contract: Contract, dtype: pl.DataType) -> pl.Expr:
    """Return the column's values, null where they are not of its type; `serving/schema` reads a request alike.

    Those of a secret column are texts: plain values as their type writes them, or pseudonyms.
    """
    if column.secret:
        told = _text(column)
        plain = expression_of(column.model_copy(update={"secret": False}), contract, dtype).cast(pl.String)
        return pl.when(told.str.starts_with(BEGINS)).then(told).otherwise(plain)
    if dtype.is_temporal():
        return _as_it_is(column, dtype)
    text = _text(column)
    if column.type == "text":
        return text
    number = with_point(text) if contract.csv.decimal == "," else text
    if column.unit:
        return count_expression(decimal_expression(number), column.unit, column.start, column.timezone)
    if column.type == "timestamp":
        return text_expression(text, time_format(column.format), column.timezone)
    if column.type == "date":
        return text_expression(text, time_format(column.format)).cast(pl.Date)
    if column.role == "amount":
        return _minor_units(number, column, 10**contract.currency_decimals)
    return (integer_expression if column.type == "integer" else decimal_expression)(number).cast(
        column.dtype, strict=False
    )


def as_told(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return a column of a table as text, and times as they are; a float that is no number says missing there."""
    if dtype.is_temporal():
        return pl.col(name)
    values = pl.col(name).fill_nan(None) if dtype.is_float() else pl.col(name)
    return values.cast(pl.String)


def checks_of(column: Column, parsed: pl.Expr) -> list[pl.Expr]:
    """Return what is to be found out of a column with gaps: what is wrong, a few examples, what is missing."""
    text = _text(column)
    wrong = text.is_not_null() & parsed.is_null()
    return [
        wrong.sum().alias(f"{column.name}:wrong"),
        text.filter(wrong).head(EXAMPLES).implode().alias(f"{column.name}:examples"),
        text.is_null().sum().alias(f"{column.name}:missing"),
    ]


def sentences_of(column: Column, faults: Mapping[str, object], contract: Contract) -> list[str]:
    """Return what is said of the faults that `checks_of` found in a column."""
    said = []
    wrong, missing, examples = (faults[f"{column.name}:{what}"] for what in ("wrong", "missing", "examples"))
    if wrong:
        told = [str(example) for example in examples] if isinstance(examples, list) else []
        hint = _hint(column, told, contract)
        are, look = ("is", "it looks") if wrong == 1 else ("are", "they look")
        said.append(
            f"{column.source}: {_values(wrong)} {are} not {_expected(column)}, {look} like {_shapes(told)}{hint}"
        )
    if missing and not column.may_be_missing:
        said.append(f"{column.source}: {_values(missing)} {'is' if missing == 1 else 'are'} missing")
    return said


def _values(number: object) -> str:
    return f"{number} {'value' if number == 1 else 'values'}"


def _text(column: Column) -> pl.Expr:
    """Return the raw text without spaces around it; nothing but spaces is a missing value."""
    text = pl.col(column.source).cast(pl.String).str.strip_chars(SPACES)
    return pl.when(text != "").then(text)


def _as_it_is(column: Column, dtype: pl.DataType) -> pl.Expr:
    """Return the times of a column that has times already, to the microsecond; a day alone is no timestamp."""
    at = pl.col(column.source)
    zone = getattr(dtype, "time_zone", None)
    days, times = dtype == pl.Date, isinstance(dtype, pl.Datetime) and bool(zone) == bool(column.timezone)
    if column.type == "date" and (days or isinstance(dtype, pl.Datetime)):
        return at.dt.date()
    if column.type == "text":
        return at.cast(pl.String)
    if column.type != "timestamp" or column.unit or not times:
        return pl.lit(None, column.dtype)
    at = at.cast(pl.Datetime("us", zone))
    return local_expression(at.dt.convert_time_zone("UTC").dt.replace_time_zone(None), column.timezone) if zone else at


def _minor_units(number: pl.Expr, column: Column, units: int) -> pl.Expr:
    """Return the amount in minor units, null beyond 64 bits."""
    if column.type == "integer":
        whole = integer_expression(number)
        return pl.when(whole.is_between(-(LARGEST // units), LARGEST // units)).then(whole * units)
    return (decimal_expression(number) * units).round().cast(pl.Int64, strict=False)


def _hint(column: Column, examples: Sequence[str], contract: Contract) -> str:
    """Return what may be done where the values are numbers that are written in no usual way."""
    if column.type not in ("integer", "decimal") and not column.unit:
        return ""
    if column.type == "integer" and any(re.match(WHOLE, example) for example in examples):
        return "; whole numbers of more than 64 bits are ids: the contract can say type: text"
    if any(re.match(THOUSANDS, example) for example in examples):
        mark = contract.csv.decimal
        return f"; marks between thousands are not read, and {mark!r} is the decimal mark (the contract's csv.decimal)"
    if contract.csv.decimal == "." and any(re.match(COMMA, example) for example in examples):
        return "; the contract can say csv: {decimal: ','}"
    return ""


def _expected(column: Column) -> str:
    if column.unit:
        return f"a number of {column.unit} since {column.since} that gives a year of four digits"
    return f"{'an' if column.type == 'integer' else 'a'} {column.type}" + (
        f" like {column.format}" if column.format else ""
    )


def _shapes(examples: Sequence[str]) -> str:
    """Return what values look like, never the values: in a shifted file a name can stand anywhere."""
    return ", ".join(repr(shape) for shape in dict.fromkeys(map(_shape, examples)))


def _shape(value: str) -> str:
    """Return a value with every digit as 9 and every letter as a.

    >>> _shape("1.2.1980"), _shape("ten")
    ('9.9.9999', 'aaa')
    """
    return "".join("9" if c.isdigit() else "a" if c.isalpha() else c for c in value[:24])
