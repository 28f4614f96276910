"""Texts and counts become moments: one text after another in the service, a column at once in the pipeline, alike.

Both read by the parts of `time_format` and reckon in whole numbers: microseconds since 1970 on the data's own clock.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from mlflow_fraud.core.contract.time_format import MONTHS, WEEKDAYS, TimeFormat, time_format

MICROSECONDS = {"milliseconds": 10**3, "seconds": 10**6, "minutes": 60 * 10**6, "hours": 3600 * 10**6}
MICROSECONDS["days"] = 24 * MICROSECONDS["hours"]

ISO = "%Y-%m-%dT%H:%M:%S%.f"
"""The form of ISO 8601 that a request may have; with `%z` behind it where times have an offset."""

_LENGTHS = {time_format(form).pattern: digits for form, digits in (("%F", 10), ("%F %T", 19))}
"""Of the forms that most files have, by their patterns: how long a text is that has two digits in each part."""

_DAY = MICROSECONDS["days"]
_TIMES = tuple(f"%Y-%m-%d{between}{time}" for between in "T " for time in ("%H:%M:%S%.f", "%H:%M"))
_SINCE = ("%Y-%m-%d", *_TIMES, *(f"{form}%z" for form in _TIMES))
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 the data's own local time
_MICROSECOND = timedelta(microseconds=1)
_HALF_DAY = 12
_DIGITS = 6
"""Of a fraction of a second; the ones behind them are cut off."""
_CENTURY_TURNS = 69
"""Years of two digits are of 1969 to 2068, as POSIX has it."""


def micros(at: datetime) -> int:
    """Return the moment in microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


EARLIEST, LATEST = micros(datetime(1000, 1, 1)), micros(datetime.max)  # noqa: DTZ001, DTZ901
"""What a year of four digits can say."""

ZONED_EARLIEST, ZONED_LATEST = micros(datetime(1970, 1, 1)), micros(datetime(2100, 1, 1)) - 1  # noqa: DTZ001
"""For these years every table of time zones says the same."""


def since_of(text: str) -> tuple[datetime, bool]:
    """Return the moment of `since:`, and whether it has an offset (it is in UTC then); raise `ValueError` for none.

    A contract's bounds are such moments too, without an offset.

    >>> since_of("2017-12-01"), since_of("1970-01-01T01:00:00+01:00")
    ((datetime.datetime(2017, 12, 1, 0, 0), False), (datetime.datetime(1970, 1, 1, 0, 0), True))
    """
    for form in map(time_format, _SINCE):
        found = read_text(text, form)
        if found is not None:
            return found, "offset" in form.parts
    raise ValueError(f"`since:` is a day like '2017-12-01' or an instant like '2017-12-01T06:30:00', found {text!r}")


def read_text(text: str, form: TimeFormat, timezone: str = "") -> datetime | None:
    """Return the moment that a text says: as it stands, or in UTC where the format has an offset, or in a time zone.

    None where it says none: another form, or a day that no calendar has.

    >>> read_text("29.2.2020 5:30", time_format("%d.%m.%Y %H:%M")), read_text("29.2.2019", time_format("%d.%m.%Y"))
    (datetime.datetime(2020, 2, 29, 5, 30), None)
    """
    match = form.reader.fullmatch(text)
    if match is None:
        return None
    if len(text) == _LENGTHS.get(form.pattern) and text[11:13] < "24" and not timezone:
        return _plain(text)
    at = _said(match.groupdict(default=""))
    return None if at is None else _local(at, timezone)


def _plain(text: str) -> datetime | None:
    """Return the moment of a text in which each part has all its digits: the same, and ten times as fast."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def text_expression(text: pl.Expr, form: TimeFormat, timezone: str = "") -> pl.Expr:
    """Return the expression that reads a column of texts as `read_text` reads each of them.

    Polars would look for the parts once for each use of one; so they are found first and reckoned with then.
    """

    def reckoned(parts: pl.Series) -> pl.Series:
        return parts.struct.unnest().select(_said_expression(form)).to_series()

    parts = text.str.extract_groups(form.pattern)
    return _local_expression(parts.map_batches(reckoned, return_dtype=pl.Int64, is_elementwise=True), timezone)


def read_count(count: float, unit: str, since: datetime, timezone: str = "") -> datetime | None:
    """Return the moment so many units after `since`, rounded to the microsecond; None beyond the years there are.

    >>> read_count(1.5, "hours", datetime(2017, 12, 1))
    datetime.datetime(2017, 12, 1, 1, 30)
    """
    each, start = MICROSECONDS[unit], micros(since)
    try:
        count = float(count)
    except OverflowError:
        return None
    if not (EARLIEST - start) / each <= count <= (LATEST - start) / each:  # so that NaN is none
        return None
    whole = math.floor(count)
    return _local(start + whole * each + math.floor((count - whole) * each + 0.5), timezone)


def count_expression(count: pl.Expr, unit: str, since: datetime, timezone: str = "") -> pl.Expr:
    """Return the expression that reads a column of numbers as `read_count` reads each of them."""
    each, start = MICROSECONDS[unit], micros(since)
    there = count.is_between((EARLIEST - start) / each, (LATEST - start) / each)
    count = pl.when(there).then(count)
    whole = count.floor()
    rest = ((count - whole) * each + 0.5).floor().cast(pl.Int64)
    return _local_expression(start + whole.cast(pl.Int64) * each + rest, timezone)


def _local(at: int, timezone: str) -> datetime | None:
    """Return the moment, on the clock of a time zone where one is named."""
    earliest, latest = _bounds(timezone)
    if not earliest <= at <= latest:
        return None
    moment = _EPOCH + at * _MICROSECOND
    return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(timezone)).replace(tzinfo=None) if timezone else moment


def _local_expression(at: pl.Expr, timezone: str) -> pl.Expr:
    moment = pl.when(at.is_between(*_bounds(timezone))).then(at).cast(pl.Datetime("us"))
    return local_expression(moment, timezone) if timezone else moment


def local_expression(moment: pl.Expr, timezone: str) -> pl.Expr:
    """Return moments of UTC on the clock of a time zone."""
    return moment.dt.replace_time_zone("UTC").dt.convert_time_zone(timezone).dt.replace_time_zone(None)


def _bounds(timezone: str) -> tuple[int, int]:
    return (ZONED_EARLIEST, ZONED_LATEST) if timezone else (EARLIEST, LATEST)


def _said(said: dict[str, str]) -> int | None:
    """Return the microseconds that the parts of a moment say; None where a part says what there is not."""
    year = int(said["year"]) if "year" in said else _with_century(int(said["year_of_century"]))
    month = int(said["month"]) if "month" in said else _MONTH[said["month_name"][:3].lower()]
    hour, offset = int(said.get("hour", 0)), _offset(said.get("offset", ""))
    if "half" in said:
        hour = int(said["hour_of_half"])
        if not 1 <= hour <= _HALF_DAY:
            return None
        hour = hour % _HALF_DAY + _HALF_DAY * (said["half"].lower() == "pm")
    try:
        at = datetime(year, month, int(said["day"]), hour, int(said.get("minute", 0)), int(said.get("second", 0)))  # noqa: DTZ001
    except ValueError:
        return None
    if offset is None or ("weekday" in said and _WEEKDAY[said["weekday"][:3].lower()] != at.weekday()):
        return None
    return micros(at) + int(said.get("fraction", "")[:_DIGITS].ljust(_DIGITS, "0")) - offset


def _said_expression(form: TimeFormat) -> pl.Expr:
    """Return what `_said` returns, for a column; the day's number is reckoned from the first of March of the year 0."""

    def number(name: str) -> pl.Expr:
        return pl.col(name).cast(pl.Int64) if name in form.parts else pl.lit(0, pl.Int64)

    def named(name: str, numbers: dict[str, int]) -> pl.Expr:
        return (
            pl.col(name).str.slice(0, 3).str.to_lowercase().replace_strict(numbers, default=None, return_dtype=pl.Int64)
        )

    year = number("year") if "year" in form.parts else _with_century_expression(number("year_of_century"))
    month = number("month") if "month" in form.parts else named("month_name", _MONTH)
    day, hour, minute, second = number("day"), number("hour"), number("minute"), number("second")
    holds = month.is_between(1, 12) & day.is_between(1, _days_in(year, month)) & (hour < 24) & (minute < 60)
    holds &= second < 60
    if "half" in form.parts:
        of_half = number("hour_of_half")
        holds &= of_half.is_between(1, _HALF_DAY)
        hour = of_half % _HALF_DAY + _HALF_DAY * (pl.col("half").str.to_lowercase() == "pm").cast(pl.Int64)
    days = _days_since_1970(year, month, day)
    if "weekday" in form.parts:
        holds &= (days + 3) % 7 == named("weekday", _WEEKDAY)
    at = days * _DAY + ((hour * 60 + minute) * 60 + second) * 10**6
    if "fraction" in form.parts:
        at += pl.col("fraction").fill_null("").str.slice(0, _DIGITS).str.pad_end(_DIGITS, "0").cast(pl.Int64)
    if "offset" in form.parts:
        at -= _offset_expression(pl.col("offset"))
    return pl.when(holds).then(at)


def _days_in(year: pl.Expr, month: pl.Expr) -> pl.Expr:
    leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
    return pl.when(month == 2).then(28 + leap.cast(pl.Int64)).otherwise(30 + (month + month // 8) % 2)


def _days_since_1970(year: pl.Expr, month: pl.Expr, day: pl.Expr) -> pl.Expr:
    year = year - (month <= 2).cast(pl.Int64)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return year * 365 + year // 4 - year // 100 + year // 400 + of_year - 719_468


def _with_century(year: int) -> int:
    return year + (1900 if year >= _CENTURY_TURNS else 2000)


def _with_century_expression(year: pl.Expr) -> pl.Expr:
    return year + pl.when(year >= _CENTURY_TURNS).then(1900).otherwise(2000)


def _offset(text: str) -> int | None:
    """Return the microseconds by which a clock is ahead of UTC; None for more than a day.

    >>> _offset("+01:30") == 90 * 60 * 10**6, _offset("-05"), _offset("Z"), _offset("+2400")
    (True, -18000000000, 0, None)
    """
    digits = text[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours >= 24 or minutes >= 60:
        return None
    return (hours * 60 + minutes) * 60 * 10**6 * (-1 if text[:1] == "-" else 1)


def _offset_expression(text: pl.Expr) -> pl.Expr:
    digits = text.str.slice(1).str.replace(":", "", literal=True).str.pad_end(4, "0")
    hours, minutes = digits.str.slice(0, 2).cast(pl.Int64), digits.str.slice(2).cast(pl.Int64)
    sign = pl.when(text.str.starts_with("-")).then(-1).otherwise(1)
    return pl.when((hours < 24) & (minutes < 60)).then((hours * 60 + minutes) * 60 * 10**6 * sign)


_MONTH = {name[:3].lower(): number for number, name in enumerate(MONTHS, start=1)}
_WEEKDAY = {name[:3].lower(): number for number, name in enumerate(WEEKDAYS)}
