"""Which forms of a time or a day read every value of a column; a count of seconds, hours or days is one too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import NamedTuple

import polars as pl


class Form(NamedTuple):
    """A form in the letters of strftime, and the pattern of what is written so."""

    letters: str
    pattern: str


_TWO, _YEAR, _MONTH = r"\d{1,2}", r"\d{4}", r"[A-Za-z]{3,9}"
_PATTERNS = {
    **{"%Y": _YEAR, "%y": r"\d{2}", "%b": r"[A-Za-z]{3}", "%B": r"[A-Za-z]{4,9}", "%a": r"[A-Za-z]{3}"},
    **{"%p": r"(?:[AaPp][Mm])", "%.f": r"(?:\.\d{1,9})", "%z": r"[+-]\d{2}:?\d{2}"},
    **{f"%{letter}": _TWO for letter in "mdHIMS"},
}
_DAYS = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y"),
    *("%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%m-%y", "%m-%d-%y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y"),
    *("%d %b %y", "%d/%b/%Y", "%d%b%Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%a, %d %b %Y"),
)
_BETWEEN = (" ", "T", "", ", ", ":", "_", "-")
_CLOCKS = (
    *("%H:%M:%S", "%H:%M", "%H:%M:%S%.f", "%H%M%S", "%H%M", "%H.%M.%S", "%H.%M"),
    *("%I:%M:%S %p", "%I:%M %p", "%I:%M:%S%p", "%I:%M%p", "%I:%M:%S%.f %p", "%I.%M.%S %p", "%I.%M.%S%.f %p"),
)
_ZONES = ("", "Z", "%z", " %z", " UTC", " GMT", " Z")
_CLOCKS_IN_ZONES = tuple(clock + zone for clock in _CLOCKS for zone in _ZONES)
_WHOLES = ("%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S %z %Y")
_TOGETHER = frozenset({"%H%M%S", "%H%M", "%Y%m%d"})
"""Forms without marks, in which each number has all its digits."""
_FIRST, _LAST = 1900, 2100

UNITS: Mapping[str, float] = {"seconds": 1, "milliseconds": 0.001, "minutes": 60, "hours": 3600, "days": 86400}
_CLOCK_RANGE = (631_152_000, 4_102_444_800)
"""Seconds since 1970, from 1990 to 2100."""


def time_formats(there: pl.Series) -> tuple[str, ...]:
    """Return the formats of a day with a time of day that read every value, each with another meaning.

    >>> time_formats(pl.Series(["03/04/2020 10:00", "05/06/2020 11:00"]))
    ('%d/%m/%Y %H:%M', '%m/%d/%Y %H:%M')
    >>> time_formats(pl.Series(["20200131235959"])), time_formats(pl.Series(["2020-01-31T10:00:00.5Z"]))
    (('%Y%m%d%H%M%S',), ('%Y-%m-%dT%H:%M:%S%.fZ',))
    """
    return _fitting(there, _moments_like(there[0]) if len(there) else [])


def day_formats(there: pl.Series) -> tuple[str, ...]:
    """Return the formats of a day that read every value, each with another meaning."""
    return _fitting(there, map(_form, _DAYS))


def clock_format(there: pl.Series) -> str:
    """Return the format of a time of day without a day, empty where the values are none.

    >>> clock_format(pl.Series(["10:15", "9:05"])), clock_format(pl.Series(["10"]))
    ('%H:%M', '')
    """
    forms = [_form(letters) for letters in _CLOCKS if letters not in _TOGETHER]
    return next((form.letters for form in forms if there.len() and _all_match(there, form)), "")


def epoch_unit(numbers: pl.Series) -> str:
    """Return the unit in which numbers count from 1970, empty where they do not: too small, or of finer units.

    >>> epoch_unit(pl.Series([1.6e9])), epoch_unit(pl.Series([1.6e12])), epoch_unit(pl.Series([5.0]))
    ('seconds', 'milliseconds', '')
    """
    low, high = numbers.to_numpy().min(), numbers.to_numpy().max()
    scales = [(unit, UNITS[unit]) for unit in ("seconds", "milliseconds")]
    return next((unit for unit, s in scales if _CLOCK_RANGE[0] <= low * s <= high * s <= _CLOCK_RANGE[1]), "")


def finer_than_milliseconds(numbers: pl.Series) -> str:
    """Return `microseconds` or `nanoseconds` where numbers count those from 1970, else nothing."""
    scaled = [("microseconds", 1e-6), ("nanoseconds", 1e-9)]
    return next((unit for unit, scale in scaled if epoch_unit(numbers * scale) == "seconds"), "")


def _fitting(there: pl.Series, forms: Iterable[Form]) -> tuple[str, ...]:
    """Return the letters of the forms that fit, without those that mean the same as one before."""
    found: dict[str, pl.Series] = {}
    for form in forms:
        if there.is_empty() or not _all_match(there, form):
            continue
        moments = there.str.to_datetime(form.letters, strict=False, time_unit="us")
        known = moments.null_count() == 0 and moments.dt.year().is_between(_FIRST, _LAST).all()
        if known and not any(moments.equals(other) for other in found.values()):
            found[form.letters] = moments
    return tuple(found)


def _all_match(there: pl.Series, form: Form) -> bool:
    return bool(there.str.contains(f"^{form.pattern}$").all())


def _moments_like(value: str) -> Iterator[Form]:
    """Yield the forms of a day with a time of day in which one value may be written."""
    for day in map(_form, _DAYS):
        begins = re.match(day.pattern, value)
        for between in _BETWEEN if begins else ():
            rest = value[begins.end() :].removeprefix(between) if begins else ""
            if begins and value == begins[0] + between + rest:
                yield from (
                    _form(f"{day.letters}{between}{clock.letters}")
                    for clock in map(_form, _CLOCKS_IN_ZONES)
                    if re.fullmatch(clock.pattern, rest) and (between or _together(day) == _together(clock) is True)
                )
    yield from map(_form, _WHOLES)


def _together(form: Form) -> bool:
    return form.letters[:6] in _TOGETHER or form.letters[:4] in _TOGETHER


@cache
def _form(letters: str) -> Form:
    """Return the form; where numbers stand together each has all its digits.

    >>> _form("%Y%m%d").pattern
    '\\\\d{4}\\\\d{2}\\\\d{2}'
    """
    pieces = re.findall(r"%\.f|%.|.", letters)
    touching = {i for i, (a, b) in enumerate(zip(pieces, pieces[1:], strict=False)) if _is_number(a) and _is_number(b)}
    patterns = []
    for i, piece in enumerate(pieces):
        pattern = _PATTERNS.get(piece, re.escape(piece))
        patterns.append(r"\d{2}" if pattern == _TWO and {i, i - 1} & touching else pattern)
    return Form(letters, "".join(patterns))


def _is_number(piece: str) -> bool:
    return piece in ("%Y", "%y", *(f"%{letter}" for letter in "mdHIMS"))
