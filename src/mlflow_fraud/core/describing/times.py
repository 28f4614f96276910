"""Which forms of a time or a day read every value of a column; a count of seconds, hours or days is one too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

import polars as pl

from mlflow_fraud.core.contract.moments import MICROSECONDS, text_expression
from mlflow_fraud.core.contract.time_format import time_format

_DAYS = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y"),
    *("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%y", "%m-%d-%y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y"),
    *("%d %b %y", "%d/%b/%Y", "%d%b%Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%d. %B %Y"),
    *("%a, %d %b %Y", "%a %d %b %Y", "%A, %B %d, %Y", "%y-%m-%d", "%y/%m/%d"),
)
_BETWEEN = (" ", "T", "", ", ", ":", "_", "-")
_CLOCKS = (
    *("%H:%M:%S", "%H:%M", "%H:%M:%S%.f", "%H:%M:%S,%f", "%H%M%S", "%H%M", "%H.%M.%S", "%H.%M", "%H.%M.%S%.f"),
    *("%I:%M:%S %p", "%I:%M %p", "%I:%M:%S%p", "%I:%M%p", "%I:%M:%S%.f %p", "%I.%M.%S %p", "%I.%M.%S%.f %p"),
    *("%H:%M:%S:%f", "%H"),
)
_ZONES = ("", "%z", " %z")
_ZONE_IN_LETTERS = re.compile(r" (?!AM$|PM$)[A-Z]{3,4}$")
_WHOLES = ("%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S %z %Y", "%a %b %d %H:%M:%S UTC %Y")
_CLOCK_BEGINS = r"^\d{1,2}([:.]\d{2}){1,2}(\D|$)"
"""Minutes and seconds have two digits each; versions and addresses may have one."""
_TOGETHER = frozenset({"%H%M%S", "%H%M", "%Y%m%d"})
"""Forms without marks, in which each number has all its digits."""
_CLOCKS_IN_ZONES = tuple(clock + zone for clock in _CLOCKS for zone in _ZONES)
_FIRST, _LAST = 1900, 2100

UNITS: Mapping[str, float] = {unit: MICROSECONDS[unit] / 10**6 for unit in ("seconds", *MICROSECONDS)}
"""Seconds of each unit, the most usual unit first."""
_UNIX_YEARS = (631_152_000, 4_102_444_800)
"""Seconds since 1970, from 1990 to 2100."""


def time_formats(there: pl.Series) -> tuple[str, ...]:
    """Return the formats of a day with a time of day that read every value, each with another meaning.

    >>> time_formats(pl.Series(["03/04/2020 10:00", "05/06/2020 11:00"]))
    ('%d/%m/%Y %H:%M', '%m/%d/%Y %H:%M')
    >>> time_formats(pl.Series(["20200131235959"])), time_formats(pl.Series(["2020-01-31T10:00:00.5Z"]))
    (('%Y%m%d%H%M%S',), ('%Y-%m-%dT%H:%M:%S%.f%z',))
    """
    if there.is_empty():
        return ()
    zone = _ZONE_IN_LETTERS.search(there[0])
    if zone and there.str.ends_with(zone[0]).all():
        return tuple(letters + zone[0] for letters in time_formats(there.str.strip_suffix(zone[0])))
    return _fitting(there, _like(there[0]))


def day_formats(there: pl.Series) -> tuple[str, ...]:
    """Return the formats of a day that read every value, each with another meaning."""
    return _fitting(there, _DAYS)


def clock_format(there: pl.Series) -> str:
    """Return the format of a time of day without a day, empty where the values are none.

    >>> clock_format(pl.Series(["10:15", "9:05"])), clock_format(pl.Series(["10"])), clock_format(pl.Series(["14.4.2"]))
    ('%H:%M', '', '')
    """
    if not there.str.contains(_CLOCK_BEGINS).all():
        return ""
    forms = [letters for letters in _CLOCKS if letters not in _TOGETHER and letters != "%H"]
    return next((letters for letters in forms if len(there) and _all_match(there, letters)), "")


def moments(there: pl.Series, letters: str) -> pl.Series:
    """Return the moments that texts say in a format, in UTC where they have offsets."""
    return pl.select(text_expression(pl.lit(there), time_format(letters))).to_series()


def unix_unit(numbers: pl.Series) -> str:
    """Return the unit in which numbers count from 1970, empty where they do not: too small, or of finer units.

    >>> unix_unit(pl.Series([1.6e9])), unix_unit(pl.Series([1.6e12])), unix_unit(pl.Series([5.0]))
    ('seconds', 'milliseconds', '')
    """
    low, high = numbers.to_numpy().min(), numbers.to_numpy().max()
    scales = [(unit, UNITS[unit]) for unit in ("seconds", "milliseconds")]
    return next((unit for unit, s in scales if _UNIX_YEARS[0] <= low * s <= high * s <= _UNIX_YEARS[1]), "")


def is_spreadsheet_date(numbers: pl.Series) -> bool:
    """Return whether numbers are days with a time of day as spreadsheets count them, from 2000 to 2050."""
    return bool(numbers.is_between(36_526, 55_153).all() and (numbers != numbers.floor()).any())


def finer_than_milliseconds(numbers: pl.Series) -> str:
    """Return `microseconds` or `nanoseconds` where numbers count those from 1970, else nothing."""
    scaled = [("microseconds", 1e-6), ("nanoseconds", 1e-9)]
    return next((unit for unit, scale in scaled if unix_unit(numbers * scale) == "seconds"), "")


def _fitting(there: pl.Series, forms: Iterable[str]) -> tuple[str, ...]:
    """Return the formats that fit, without those that mean the same as one before."""
    found: dict[str, pl.Series] = {}
    for letters in forms:
        if there.is_empty() or not _all_match(there, letters):
            continue
        said = moments(there, letters)
        known = said.null_count() == 0 and said.dt.year().is_between(_FIRST, _LAST).all()
        if known and not any(said.equals(other) for other in found.values()):
            found[letters] = said
    return tuple(found)


def _all_match(there: pl.Series, letters: str) -> bool:
    return bool(there.str.contains(time_format(letters).pattern).all())


def _like(value: str) -> Iterator[str]:
    """Yield the formats of a day with a time of day in which one value may be written."""
    yield from _one_after_another(value, _DAYS, _CLOCKS_IN_ZONES)
    yield from _one_after_another(value, _CLOCKS, _DAYS)
    yield from _WHOLES


def _one_after_another(value: str, first: Iterable[str], second: Iterable[str]) -> Iterator[str]:
    for form in first:
        begins = _beginning(form).match(value)
        for between in _BETWEEN if begins else ():
            rest = value[len(begins[0]) :] if begins else ""
            if rest.startswith(between):
                tail = rest[len(between) :]
                fitting = (other for other in second if between or {form, other.removesuffix("%z")} <= _TOGETHER)
                yield from (f"{form}{between}{other}" for other in fitting if time_format(other).reader.fullmatch(tail))


@cache
def _beginning(day: str) -> re.Pattern[str]:
    return re.compile(time_format(day).pattern.removesuffix("$"), re.ASCII)
