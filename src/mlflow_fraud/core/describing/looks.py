"""What a column of text holds, as a sample shows it: its type, its times, and how its values differ."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from mlflow_fraud.core.contract.column import TIMES, ColumnType
from mlflow_fraud.core.describing.names import is_of_time, is_version
from mlflow_fraud.core.describing.numbers import absent_words, as_numbers, kind_of_numbers
from mlflow_fraud.core.describing.times import day_formats, time_formats

FEW, NO_MORE_FEW = 50, 100
"""So many different values a category has at most, and so many where there are fifty rows for each."""
MANY_ROWS = 10
"""From so many rows on it tells something that all values differ."""
_COMPACT = r"^(19|20)\d{6}(\d{4}|\d{6})?$"
_MANY_DIGITS = 10**7
_ADDRESS = r"^\d{1,3}(\.\d{1,3}){3}([:/]\d+)?$"
_ACCOUNT = r"^(\d[ -]?){11,18}\d$|^[A-Z]{2}\d{2}( ?[A-Z0-9]){11,30}$"
"""Twelve to nineteen digits, as cards have, or an IBAN."""
_HAS_DIGIT = r"\d"


@dataclass(frozen=True)
class Look:
    """A column of a sample."""

    source: str
    there: pl.Series
    """Its values without spaces around them, where there are any."""
    rows: int
    kind: ColumnType
    formats: tuple[str, ...] = ()
    """The forms that read each of its times or days, each with another meaning."""
    absent: tuple[str, ...] = ()
    """The words for a missing value among its numbers, which are no values here."""

    @property
    def has_gaps(self) -> bool:
        """Whether a row has no value."""
        return len(self.there) < self.rows

    @cached_property
    def different(self) -> int:
        """How many different values there are."""
        return self.there.n_unique()

    @cached_property
    def numbers(self) -> pl.Series:
        """The values of a column of numbers."""
        return as_numbers(self.there)

    @property
    def is_number(self) -> bool:
        """Whether it holds numbers."""
        return self.kind in ("integer", "decimal")

    @cached_property
    def is_whole(self) -> bool:
        """Whether it holds whole numbers, in whatever notation."""
        return self.is_number and bool((self.numbers == self.numbers.floor()).all())

    @property
    def is_category(self) -> bool:
        """Whether it has few different values, and most more than once."""
        few = max(FEW, min(NO_MORE_FEW, len(self.there) // 50))
        return self.different <= few and not self.mostly_differ

    @property
    def all_differ(self) -> bool:
        """Whether no value is there twice, of enough rows to tell."""
        return len(self.there) >= MANY_ROWS and self.different == len(self.there)

    @property
    def mostly_differ(self) -> bool:
        """Whether hardly a value is there twice, of enough rows to tell."""
        return len(self.there) >= MANY_ROWS and self.different > 0.9 * len(self.there)

    @property
    def counts_nothing(self) -> bool:
        """Whether it holds whole numbers that all differ, or nearly all and of many digits: names, not quantities."""
        return self.is_whole and (
            self.all_differ or (self.mostly_differ and bool((self.numbers.abs() >= _MANY_DIGITS).any()))
        )

    @cached_property
    def is_address(self) -> bool:
        """Whether it holds addresses of a network, as 10.0.0.12 is one."""
        return len(self.there) > 0 and bool(self.there.str.contains(_ADDRESS).all())

    @cached_property
    def looks_like_ids(self) -> bool:
        """Whether each value has a digit in it, no space and no @, as ids have and names and addresses have not."""
        return bool((self.there.str.contains(_HAS_DIGIT) & ~self.there.str.contains(r"[\s@]")).all())

    @cached_property
    def is_account_number(self) -> bool:
        """Whether each value looks like the number of a card or an account."""
        return len(self.there) > 0 and bool(self.there.str.contains(_ACCOUNT).all())

    @cached_property
    def never_falls(self) -> bool:
        """Whether its numbers go on in the order of the file."""
        return bool((self.numbers.diff().drop_nulls() >= 0).all())

    @cached_property
    def words(self) -> frozenset[str]:
        """Its different values in small letters, where they are few."""
        return frozenset(self.there.str.to_lowercase().unique()) if self.different <= FEW else frozenset()


def look_at(values: pl.Series) -> Look:
    """Return what a column of texts holds; digits that are days, as in 20200131, are days by name or length."""
    text = values.str.strip_chars()
    there = text.filter((text != "").fill_null(value=False))
    absent = absent_words(there)
    there = there.filter(~there.is_in(absent.implode())) if len(absent) else there
    kind: ColumnType = kind_of_numbers(there) or "text"
    if kind == "integer" and not _may_be_compact(values.name, there):
        return Look(values.name, there, len(values), kind, absent=tuple(absent))
    if kind != "decimal" and _may_be_time(values.name, there):
        for time, formats in zip(TIMES, (time_formats, day_formats), strict=True):
            if found := formats(there):
                return Look(values.name, there, len(values), time, found)
    return Look(values.name, there, len(values), kind, absent=tuple(absent))


def _may_be_time(name: str, there: pl.Series) -> bool:
    """Return False for addresses and versions, whose numbers between points a day or a time of day may have too."""
    return not is_version(name) and not there.str.contains(_ADDRESS).any()


def _may_be_compact(name: str, there: pl.Series) -> bool:
    by_name = is_of_time(name) or "birth" in name.lower() or "dob" in name.lower()
    return bool(there.str.contains(_COMPACT).all()) and (by_name or len(there[0]) > 8)
