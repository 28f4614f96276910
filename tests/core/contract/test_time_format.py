"""A format means the same to every reader of it, or is no format of a contract."""

from __future__ import annotations

import string
from datetime import datetime, timedelta
from random import Random

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlflow_fraud.core.contract.column import Column, _zones
from mlflow_fraud.core.contract.moments import (
    MICROSECONDS,
    ZONED_EARLIEST,
    ZONED_LATEST,
    count_expression,
    micros,
    read_count,
    read_text,
    since_of,
    text_expression,
)
from mlflow_fraud.core.contract.time_format import LETTERS, SHORT, time_format

MOMENTS = st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999))
MICROSECOND = timedelta(microseconds=1)
BEFORE_AND_AFTER = {
    "day": ("%Y-%m-", " %H:%M:%S"),
    "weekday": ("%Y-%m-%d ", " %H:%M:%S"),
    "year": ("%d/%m/", " %H:%M:%S"),
    "year_of_century": ("%d/%m/", " %H:%M:%S"),
    "month": ("%Y-", "-%d %H:%M:%S"),
    "month_name": ("%Y-", "-%d %H:%M:%S"),
    "hour": ("%Y-%m-%d ", ":%M:%S"),
    "hour_of_half": ("%Y-%m-%d ", ":%M:%S %p"),
    "half": ("%Y-%m-%d %I:%M:%S ", ""),
    "minute": ("%Y-%m-%d %H:", ":%S"),
    "second": ("%Y-%m-%d %H:%M:", ""),
    "fraction": ("%Y-%m-%d %H:%M:%S", ""),
    "offset": ("%Y-%m-%d %H:%M:%S", ""),
}


def column_read(texts: list[str], format: str, timezone: str = "") -> list[datetime | None]:
    expression = text_expression(pl.col("text"), time_format(format), timezone)
    return pl.DataFrame({"text": texts}, schema={"text": pl.String}).select(expression).to_series().to_list()


def written(at: datetime, format: str) -> str:
    """Return a moment in a format, written by Python, with what its `strftime` lacks put in by hand."""
    digits = f"{at.microsecond:06}"
    by_hand = {"%z": "+00:00", "%:z": "+00:00", "%p": "AM" if at.hour < 12 else "PM", "%Y": f"{at.year:04}"}
    by_hand |= {f"%{n}f": f"{digits}000"[:n] for n in (3, 6, 9)} | {
        f"%.{n}f": f".{digits}000"[: n + 1] for n in (3, 6, 9)
    }
    by_hand |= {"%.f": f".{digits}", "%f": digits} | {
        f"%-{c}": at.strftime(f"%{c}").lstrip("0") or "0" for c in "mdHIMS"
    }
    for short, long in SHORT.items():
        format = format if short in by_hand else format.replace(short, long)
    for letter, text in sorted(by_hand.items(), key=lambda each: -len(each[0])):
        format = format.replace(letter, text)
    return at.strftime(format)


def lost(at: datetime, format: str) -> datetime:
    """Return the moment without what the format leaves out."""
    parts = time_format(format).parts
    at = at if "fraction" in parts else at.replace(microsecond=0)
    if "%3f" in format or "%.3f" in format:
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
    at = at if "second" in parts else at.replace(second=0)
    at = at if "minute" in parts else at.replace(minute=0)
    return at if time_format(format).says_a_time else at.replace(hour=0)


@pytest.mark.parametrize("letter", [*LETTERS, *SHORT])
def test_each_letter_is_read_alike_to_the_microsecond(letter: str) -> None:
    draw = Random(letter)
    span = datetime(2068, 12, 30) - datetime(1970, 1, 2)
    moments = [datetime(1970, 1, 2) + draw.randrange(span // MICROSECOND) * MICROSECOND for _ in range(200)]
    moments += [datetime(2000, 2, 29, hour, 0, 0, hour) for hour in (0, 11, 12, 13, 23)]
    format = {"%F": "%F %T", "%T": "%F %T", "%R": "%F %R", "%D": "%D %T", "%r": "%F %r", "%h": "%d %h %Y %T"}.get(
        letter
    )
    if format is None:
        plain = SHORT.get(letter, letter)
        before, after = BEFORE_AND_AFTER[LETTERS[plain].says]
        point = "." if letter == "%f" or letter in ("%3f", "%6f", "%9f") else ""
        format = f"{before}{point}{letter}{after}"
    timezone = "UTC" if "z" in letter else ""
    texts = [written(at, format) for at in moments]
    form = time_format(format)
    expected = [lost(at, format) for at in moments]
    assert [read_text(text, form, timezone) for text in texts] == expected
    assert column_read(texts, format, timezone) == expected


@pytest.mark.parametrize("before", ["", "-", "_", "0", "^", "#", ":", "::", ".", "3", ".3"])
def test_every_other_letter_is_refused_with_what_is_known(before: str) -> None:
    known = {*LETTERS, *SHORT}
    for letter in string.ascii_letters + "+%":
        token = f"%{before}{letter}"
        if token in known or token == "%%":
            continue
        with pytest.raises(ValueError, match=r"is no letter of a contract, (did you mean|known: |`unit:|write)"):
            time_format(f"%Y-%m-%d %H:%M:%S{token}")


@pytest.mark.parametrize(
    ("format", "says"),
    [
        ("%s", "`unit: seconds` and `since:"),
        ("%Y-%m-%d %k:%M", r"did you mean %H\?"),
        ("%Y-%j", r"did you mean %m and %d\?"),
        ("%e.%m.%Y", r"did you mean %d\?"),
        ("%Y-%m-%d %H:%M:%S %Z", r"did you mean %z\?"),
        ("%Y-%m-%d %H:%M:%S%", "no letter of a contract"),
        ("%Y-%m-%d %H:%M ", "spaces at an end"),
        ("%Y-%m-%d %Y", "says the year twice"),
        ("%Y-%b-%m-%d", "says the month twice"),
        ("%Y-%m-%d %I:%M", "needs both %I and %p"),
        ("%Y-%m-%d %H:%M %p", "needs both %I and %p|hour"),
        ("%Y-%m-%d %H.%f", "no second; %S is missing"),
        ("%Y-%m-%d %H %S", "no minute; %M is missing"),
        ("%Y-%m-%d %M", "no hour; %H is missing"),
    ],
)
def test_a_format_without_sense_is_refused(format: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        time_format(format)


PIECES = st.sampled_from([*LETTERS, *SHORT, "%%", "-", ".", ",", " ", "/", ":", "T", "Z", "at", "0", "年", "(", "$"])


def accepted(format: str) -> bool:
    try:
        return time_format(format).says_a_day
    except ValueError:
        return False


FORMATS = st.one_of(
    st.lists(PIECES, min_size=3, max_size=9).map("".join).filter(accepted),
    st.permutations(["%Y", "%m", "%d", "%H", "%M", "%S"]).map("".join),
    st.permutations(["%Y", "%b", "%d", "%I", "%M", "%p"]).map(" ".join),
    st.sampled_from(
        ["%Y%m%d%H%M%S%f", "%d%b%y:%H:%M:%S", "%Y-%m-%dT%H:%M:%S%.f%z", "%y%m%d %H%M", "%Y-%m-%d %H:%M:%S,%f"]
    ),
)
TEXTS = st.one_of(
    st.text("0123456789-:. TZ+/,JanFebamPM年", max_size=30),
    st.from_regex(
        r"\A[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}[T ][0-9]{1,2}:[0-9]{1,2}(:[0-9]{2})?(\.[0-9]{0,10})?(Z|[+-][0-9:]{2,6})?\Z"
    ),
)


@given(
    format=FORMATS,
    at=MOMENTS,
    cut=st.integers(0, 40),
    more=st.text("0123456789 :Zamp", max_size=2),
    texts=st.lists(TEXTS),
)
@example(format="%Y-%m-%d %H:%M:%S", at=datetime(2020, 12, 31), cut=0, more="", texts=["2016-12-31 23:59:60"])
@example(
    format="%Y-%m-%d %H:%M:%S", at=datetime(2020, 12, 31), cut=0, more="", texts=["2016-12-31 24:00:00", "0000-01-01"]
)
@example(
    format="%H:%M %d.%m.%Y", at=datetime(2020, 2, 29), cut=0, more="", texts=["12:00 29.2.2100", "12:00 29.2.2400"]
)
def test_two_readers_of_one_format_read_the_same(
    format: str, at: datetime, cut: int, more: str, texts: list[str]
) -> None:
    whole = written(at, format)
    texts = [whole, whole[:cut] + more + whole[cut:], whole[:cut] + whole[cut + 1 :], *texts]
    timezone = "Europe/Berlin" if "offset" in time_format(format).parts else ""
    form = time_format(format)
    assert column_read(texts, format, timezone) == [read_text(text, form, timezone) for text in texts]


@pytest.mark.slow
def test_a_time_zone_means_the_same_to_both() -> None:
    step = (ZONED_LATEST - ZONED_EARLIEST) // 60
    at = [datetime(1970, 1, 1) + step * place * MICROSECOND for place in range(61)]
    texts = [f"{each:%Y-%m-%dT%H:%M:%S}Z" for each in at]
    form = time_format("%Y-%m-%dT%H:%M:%S%z")
    read = {zone: [read_text(text, form, zone) for text in texts] for zone in _zones()}
    assert {zone: column_read(texts, "%Y-%m-%dT%H:%M:%S%z", zone) for zone in read} == read


@given(day=st.integers(0, 47_000), minute=st.integers(0, 1439))
@example(day=18_560, minute=30)  # in Berlin the clock is put back
@example(day=18_350, minute=90)  # and forth
def test_an_hour_that_is_there_twice_or_never_is_read_alike(day: int, minute: int) -> None:
    at = datetime(1970, 1, 1) + timedelta(days=day, minutes=minute)
    texts = [f"{at:%Y-%m-%d %H:%M}{offset}" for offset in ("Z", "+02:00", "-0330", "+05")]
    form = time_format("%Y-%m-%d %H:%M%z")
    for timezone in ("Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"):
        assert column_read(texts, "%Y-%m-%d %H:%M%z", timezone) == [read_text(t, form, timezone) for t in texts]


COUNTS = st.one_of(
    st.integers(-(10**15), 10**15).map(float),
    st.floats(-1e15, 1e15),
    st.floats(allow_nan=True, allow_infinity=True),
    st.builds(lambda whole, part: whole + part / 10**6, st.integers(0, 2**31), st.integers(0, 999_999)),
)


@given(counts=st.lists(COUNTS, min_size=1), unit=st.sampled_from(sorted(MICROSECONDS)), since=MOMENTS)
def test_a_count_is_read_alike(counts: list[float], unit: str, since: datetime) -> None:
    rows = pl.DataFrame({"count": counts}, schema={"count": pl.Float64})
    found = rows.select(count_expression(pl.col("count"), unit, since)).to_series().to_list()
    assert found == [read_count(count, unit, since) for count in counts]


@given(at=st.datetimes(datetime(1970, 1, 1), datetime(2099, 12, 31)))
def test_a_unix_clock_is_exact_to_the_microsecond(at: datetime) -> None:
    since, _ = since_of("1970-01-01")
    assert read_count(micros(at) / 10**6, "seconds", since) == at
    assert read_count(micros(at) // 1000 * 1000 / 10**3, "milliseconds", since) is not None


@pytest.mark.parametrize("since", ["2017-12-01", "2017-12-01T00:00", "2017-12-01 00:00:00", "2017-12-01T00:00:00.0"])
def test_a_day_and_its_first_moment_are_one_begin(since: str) -> None:
    assert since_of(since) == (datetime(2017, 12, 1), False)


@pytest.mark.parametrize("bound", ["2020-W01-1", "20200101", "2020-01-01T00:00:00Z", "2020-01", "soon"])
def test_a_bound_is_a_local_day_or_moment(bound: str) -> None:
    with pytest.raises(ValueError, match="`minimum:` of a timestamp is a day like '2020-01-31'"):
        Column.model_validate(
            {"source": "at", "role": "event_time", "type": "timestamp", "format": "%F %T", "minimum": bound}
        )


@pytest.mark.parametrize("since", ["yesterday", "2017-13-01", "2017-W01-1", "01.12.2017", "", "2017"])
def test_a_count_begins_at_a_moment(since: str) -> None:
    with pytest.raises(ValueError, match="`since:` is a day like"):
        since_of(since)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({}, "a timestamp needs `format:`"),
        ({"unit": "hours"}, "`unit:` and `since:` together"),
        ({"since": "2017-12-01"}, "`unit:` and `since:` together"),
        ({"unit": "hours", "since": "2017-12-01", "format": "%Y-%m-%d %H"}, "in place of `format:`"),
        ({"unit": "weeks", "since": "2017-12-01"}, "Input should be 'milliseconds'"),
        ({"unit": "hours", "since": "2017-12-01T00:00:00Z"}, "an offset in `since:` and `timezone:`"),
        ({"unit": "hours", "since": "2017-12-01", "timezone": "UTC"}, "an offset in `since:` and `timezone:`"),
        ({"format": "%Y-%m-%d"}, "says a time of day too"),
        ({"format": "%H:%M"}, "says year, month and day"),
        ({"format": "%Y-%m-%d %H:%M", "timezone": "Europe/Berlin"}, "needs both `%z`"),
        ({"format": "%Y-%m-%d %H:%M%z", "timezone": "localtime"}, "no time zone is called localtime"),
    ],
    ids=str,
)
def test_a_timestamp_has_one_way_to_be_read(spec: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Column.model_validate({"source": "at", "role": "event_time", "type": "timestamp", **spec})


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"role": "birth_date", "type": "date", "format": "%d/%m/%y"}, "do not tell the century"),
        ({"role": "unused", "type": "date", "format": "%Y-%m-%d%z"}, "a date has no offset"),
        ({"role": "unused", "type": "date", "unit": "days", "since": "1970-01-01"}, "how a timestamp is counted"),
        ({"role": "numeric", "type": "integer", "unit": "days", "since": "1970-01-01"}, "how a timestamp is counted"),
    ],
    ids=str,
)
def test_what_says_nothing_of_a_column_is_refused(spec: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Column.model_validate({"source": "at", **spec})
