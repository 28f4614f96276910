"""A number is a number in every usual notation, and nothing else is: `5`, `+5`, `.5`, `5.`, `4.2e-05`, `1E+05`."""

from __future__ import annotations

import math

import polars as pl

DECIMAL = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
WHOLE = r"^[+-]?[0-9]+$"
THOUSANDS = r"^[+-]?[0-9]{1,3}(?:[ ,.'_\u00a0\u202f][0-9]{3})+(?:[.,][0-9]*)?$"
"""What looks like a number with marks between its thousands: whether `1,500` is one thousand or one nobody can tell."""

LARGEST = 2**63 - 1
"""The largest whole number that the pipeline holds."""
COMMA = r"^[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?$"
"""What looks like a number whose decimal mark is a comma."""

MOST_EXACT = 2**53
"""A whole number that is written with a point or an exponent went through a float, which holds no more exactly."""


def with_point(text: pl.Expr) -> pl.Expr:
    """Return numbers with a comma for the decimal mark as such with a point; one that has a point already is none."""
    return pl.when(~text.str.contains(".", literal=True)).then(text.str.replace(",", ".", literal=True))


def decimal_expression(text: pl.Expr) -> pl.Expr:
    """Return the numbers that texts say, null for what is none; a negative zero is zero."""
    number = pl.when(text.str.contains(DECIMAL)).then(text).cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number + 0.0)


def integer_expression(text: pl.Expr) -> pl.Expr:
    """Return the whole numbers of 64 bits that texts say; with a point or an exponent as `whole_of` has it."""
    plain = pl.when(text.str.contains(WHOLE)).then(text)
    other = decimal_expression(pl.when(plain.is_null()).then(text))
    whole = pl.when((other == other.floor()) & (other.abs() <= MOST_EXACT)).then(other)
    return pl.coalesce(plain.cast(pl.Int64, strict=False), whole.cast(pl.Int64, strict=False))


def whole_of(number: float) -> int | None:
    """Return the whole number that a float is; None where it has a fraction, or is too large to be exact.

    >>> whole_of(12.0), whole_of(1e5), whole_of(12.5), whole_of(1e18)
    (12, 100000, None, None)
    """
    return int(number) if math.isfinite(number) and number == math.floor(number) and abs(number) <= MOST_EXACT else None
