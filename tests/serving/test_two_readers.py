"""What a file says and what a request says are the same thing: read alike, or refused by both."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.core.contract.contract import Contract, read_contract
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.serving.label_schema import LabelSchema
from mlflow_fraud.serving.schema import TransactionSchema

REFUSED = object()
WHEN = {"role": "event_time", "type": "timestamp", "format": "%Y-%m-%d %H:%M:%S"}
COLUMNS: dict[str, dict[str, Any]] = {
    "id": {"role": "event_id", "type": "text"},
    "when": WHEN,
    "eur": {"role": "amount", "type": "decimal"},
    "fraud": {"role": "label", "type": "integer"},
}
ROW = {"id": "a", "when": "2020-01-31 12:00:00", "eur": "1", "fraud": "0"}

once_a_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
"""For each of several contracts, whose draws are of one strategy; a file takes ten milliseconds."""


def contract(change: dict[str, Any], **rest: Any) -> Contract:
    columns = {name: spec for name, spec in {**COLUMNS, **change}.items() if spec is not None}
    return read_contract({"name": "both", "columns": columns, **rest}, where="test")


def in_a_file(told: Contract, column: str, text: str, folder: Path) -> Any:
    """Return what the pipeline makes of one value in a file, or `REFUSED`."""
    names = [name for name in told.model_dump()["columns"]]
    row = {**ROW, column: text}
    values = [row.get(name["source"], "1") for name in names]
    lines = [[name["source"] for name in names], values]
    with (folder / "batch.csv").open("w", newline="") as file:
        csv.writer(file, delimiter=told.csv.separator, lineterminator="\n").writerows(lines)
    name = next(each.name for each in told.columns if each.source == column)
    try:
        return read_batches([folder / "batch.csv"], told)[name][0]
    except DataError:
        return REFUSED


def in_a_request(told: Contract, column: str, json_text: str) -> Any:
    """Return what the service makes of one value in a request, or `REFUSED`."""
    usual: dict[str, Any] = {"id": "a", "when": "2020-01-31 12:00:00", "eur": 1, "event_id": "a"}
    rest = {each.source: usual.get(each.source, 1) for each in told.kept if each.source != column}
    body = json.dumps(rest)[:-1] + f', "{column}": {json_text}}}'
    name = next(each.name for each in told.columns if each.source == column)
    try:
        return TransactionSchema(told).read(body.encode())[name]
    except ValidationError:
        return REFUSED


INTEGERS = st.one_of(st.integers(-(2**64), 2**64), st.integers(-(2**53) - 9, -(2**53) + 9), st.integers(-999, 999))
EXPONENTS = st.sampled_from(["", "e0", "e+05", "E3", "e-2", "e-05", "e18", "e-400", "e400", "E+2"])
NUMBERS = st.builds(
    lambda whole, part, exponent: f"{whole}{part}{exponent}",
    INTEGERS,
    st.sampled_from(["", ".0", ".5", ".000", ".25", ".125", ".1234567890123456789", ".005"]),
    EXPONENTS,
)
"""As JSON has them; a file may say them in more ways."""


@pytest.mark.parametrize("kind", ["integer", "decimal"])
@pytest.mark.parametrize("role", ["amount", "numeric"])
@given(number=NUMBERS)
@example(number="100000.0")
@example(number="1e+05")
@example(number="4.2e-05")
@example(number="9007199254740993")
@example(number="9007199254740993.0")
@example(number="9223372036854775807")
@example(number="9223372036854775808")
@example(number="0.125")
@example(number="-0.0")
@once_a_folder
def test_a_number_is_the_same_in_a_file_and_in_a_request(kind: str, role: str, number: str, tmp_path: Path) -> None:
    column = "x" if role == "numeric" else "eur"
    told = contract({column: {"role": role, "type": kind}})
    found, asked = in_a_file(told, column, number, tmp_path), in_a_request(told, column, number)
    assert (found, str(found)) == (asked, str(asked))


@pytest.mark.parametrize(
    ("text", "integer", "decimal"),
    [
        ("5", 5, 5.0),
        ("+5", 5, 5.0),
        ("-0", 0, 0.0),
        (".5", REFUSED, 0.5),
        ("5.", 5, 5.0),
        (" 5 ", 5, 5.0),
        ("007", 7, 7.0),
        ("4.2e-05", REFUSED, 4.2e-05),
        ("1e+05", 100_000, 100_000.0),
        ("1E5", 100_000, 100_000.0),
        ("12.0", 12, 12.0),
        ("12.5", REFUSED, 12.5),
        ("9223372036854775807", 2**63 - 1, None),
        ("-9223372036854775808", -(2**63), None),
        ("9223372036854775808", REFUSED, None),
        ("9007199254740993", 2**53 + 1, None),
        ("9007199254740993.0", 2**53, None),
        ("9007199254740994.0", REFUSED, None),
        ("1e18", REFUSED, None),
        ("1e999", REFUSED, REFUSED),
        *((text, REFUSED, REFUSED) for text in ("nan", "NaN", "-nan", "inf", "-inf", "Infinity", "NA", "null", "None")),
        *(
            (text, REFUSED, REFUSED)
            for text in ("0x10", "1_000", "1,000", "1 000", "1'000", "1e", "e5", ".", "-", "+-5")
        ),
        *((text, REFUSED, REFUSED) for text in ("٣", "½", "5%", "$5", "(5)", "5-", "1.2.3", "1e5.5", "True", "١٢")),
    ],
)
def test_a_number_in_every_usual_notation_and_nothing_else_is_one(
    text: str, integer: Any, decimal: Any | None, tmp_path: Path
) -> None:
    whole = contract({"x": {"role": "entity", "entity": "x", "type": "integer"}})
    assert in_a_file(whole, "x", text, tmp_path) == integer
    if decimal is not None:
        told = contract({"x": {"role": "numeric", "type": "decimal"}})
        assert in_a_file(told, "x", text, tmp_path) == decimal


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12,5", 12.5),
        ("4,2e-05", 4.2e-05),
        ("-,5", -0.5),
        ("7", 7.0),
        ("1e+05", 100_000.0),
        ("1.234,5", REFUSED),
        ("1.234", REFUSED),
        ("1,2,3", REFUSED),
    ],
)
def test_where_a_comma_is_the_decimal_mark_a_point_is_none(text: str, expected: Any, tmp_path: Path) -> None:
    told = contract({"x": {"role": "numeric", "type": "decimal"}}, csv={"separator": ";", "decimal": ","})
    assert in_a_file(told, "x", text, tmp_path) == expected


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        ("integer", "12345678901234567890", r"more than 64 bits are ids: the contract can say type: text"),
        ("decimal", "1,234.50", r"marks between thousands are not read, and '\.' is the decimal mark"),
        ("integer", "1 234", "marks between thousands are not read"),
        ("decimal", "nan", r"1 value is not a decimal, it looks like 'aaa'$"),
    ],
)
def test_what_is_no_number_is_refused_with_what_can_be_done(kind: str, text: str, says: str, tmp_path: Path) -> None:
    told = contract({"x": {"role": "numeric", "type": kind}})
    (tmp_path / "batch.csv").write_text(f'id,when,eur,fraud,x\na,2020-01-31 12:00:00,1,0,"{text}"\n')
    with pytest.raises(DataError, match=says) as error:
        read_batches([tmp_path / "batch.csv"], told)
    assert text == "nan" or text not in str(error.value)


COUNTED = {"role": "event_time", "type": "timestamp", "unit": "hours", "since": "2017-12-01"}
UNIX = {
    "role": "event_time",
    "type": "timestamp",
    "unit": "seconds",
    "since": "1970-01-01T00:00:00Z",
    "timezone": "UTC",
}


@pytest.mark.parametrize("when", [COUNTED, UNIX], ids=["hours", "unix"])
@given(number=st.one_of(NUMBERS, st.floats(0, 4e9).map(repr), st.integers(0, 10**10).map(str)))
@example(number="1577935495.123456")
@example(number="1577935495.5e0")
@example(number="1e9")
@once_a_folder
def test_a_count_is_the_same_moment_in_a_file_and_in_a_request(
    when: dict[str, Any], number: str, tmp_path: Path
) -> None:
    told = contract({"when": when})
    assert in_a_file(told, "when", number, tmp_path) == in_a_request(told, "when", number)


def test_a_count_says_what_it_expects_of_a_request() -> None:
    told = contract({"when": COUNTED})
    schema = TransactionSchema(told).json_schema()["properties"]["when"]
    assert schema["type"] == "number"
    assert schema["description"].startswith("hours since 2017-12-01")
    for wrong in ('"36"', '"2017-12-02T12:00:00"', "true", "null", "NaN", "1e400", "1" + "0" * 400):
        assert in_a_request(told, "when", wrong) is REFUSED
    assert in_a_request(told, "when", "36.5") == datetime(2017, 12, 2, 12, 30)


FORMATS = ["%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M:%S%.f", "%m/%d/%y %I:%M %p", "%Y-%d-%mT%H:%M:%S", "%Y%m%d%H%M%S"]
TEXTS = st.one_of(
    st.datetimes(datetime(1970, 1, 1), datetime(2068, 12, 31)).flatmap(
        lambda at: st.sampled_from(
            [at.isoformat(" "), at.isoformat(), *(at.strftime(f.replace("%.f", ".%f")) for f in FORMATS)]
        )
    ),
    st.text("0123456789-:. TZ+/", max_size=25),
)


@pytest.mark.parametrize("format", FORMATS)
@given(text=TEXTS)
@example(text="2020-01-01")
@example(text="2020-W01-1")
@example(text="20200101T101500")
@example(text="2020-01-31T24:00:00")
@example(text="2016-12-31T23:59:60")
@example(text="2020-02-13T10:15:00")
@once_a_folder
def test_what_a_file_says_in_the_contracts_format_a_request_says_too(format: str, text: str, tmp_path: Path) -> None:
    told = contract({"when": {**WHEN, "format": format}})
    found, asked = in_a_file(told, "when", text, tmp_path), in_a_request(told, "when", json.dumps(text))
    if found is not REFUSED:
        assert asked == found
    elif asked is not REFUSED:  # else nothing but ISO 8601 with its T, its seconds and a point
        stem, _, fraction = text.strip().partition(".")
        assert asked == datetime.strptime(f"{stem}.{fraction[:6] or '0'}", "%Y-%m-%dT%H:%M:%S.%f")
        assert format != "%Y-%d-%mT%H:%M:%S"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-01-31T13:59:59", datetime(2020, 1, 31, 13, 59, 59)),
        ("2020-01-31T13:59:59.5", datetime(2020, 1, 31, 13, 59, 59, 500_000)),
        ("2020-01-31T13:59:59.123456789", datetime(2020, 1, 31, 13, 59, 59, 123_456)),
        *((text, REFUSED) for text in ("2020-01-31", "2020-01-31T13:59", "2020-01-31 13:59:59", "20200131T135959")),
        *(
            (text, REFUSED)
            for text in ("2020-W05-5T13:59:59", "2020-031T13:59:59", "2020-01-31T13:59:59Z", "2020-01-31t13:59:59")
        ),
        *(
            (text, REFUSED)
            for text in ("2020-01-31T13:59:59,5", "2020-01-31T24:00:00", "2020-01-31T13:59:60", "+2020-01-31T13:59:59")
        ),
    ],
)
def test_one_form_of_iso_8601_is_read_beside_the_contracts(text: str, expected: Any) -> None:
    told = contract({"when": {**WHEN, "format": "%d.%m.%Y %H:%M"}})
    assert in_a_request(told, "when", json.dumps(text)) == expected or expected is REFUSED
    assert (in_a_request(told, "when", json.dumps(text)) is REFUSED) == (expected is REFUSED)


def test_iso_8601_is_not_read_where_it_looks_like_the_contracts_own_format() -> None:
    told = contract({"when": {**WHEN, "format": "%Y-%d-%mT%H:%M:%S"}})
    assert in_a_request(told, "when", '"2020-01-02T10:00:00"') == datetime(2020, 2, 1, 10)
    assert in_a_request(told, "when", '"2020-01-13T10:00:00"') is REFUSED


@pytest.mark.parametrize("text", ["2020-10-25T01:30:00Z", "2020-10-25T01:30:00+00", "2020-10-25T03:30:00.5+0200"])
def test_an_offset_is_read_alike(text: str, tmp_path: Path) -> None:
    told = contract({"when": {**WHEN, "format": "%Y-%m-%dT%H:%M:%S%.f%z", "timezone": "Europe/Berlin"}})
    found = in_a_file(told, "when", text, tmp_path)
    assert found is not REFUSED
    assert found == in_a_request(told, "when", json.dumps(text))


def test_a_time_in_a_table_is_read_as_it_is_to_the_microsecond(tmp_path: Path) -> None:
    at = datetime(2020, 1, 31, 12, 0, 0, 123_456)
    rows = {"id": ["a"], "when": [at], "eur": [1.25], "fraud": [0]}
    pl.DataFrame(rows).write_parquet(tmp_path / "batch.parquet")
    told = contract({})
    assert read_batches([tmp_path / "batch.parquet"], told)["event_time"].to_list() == [at]
    for wrong in (at.date(), None):
        pl.DataFrame({**rows, "when": [wrong]}).write_parquet(tmp_path / "batch.parquet")
        with pytest.raises(DataError, match="when: 1 value is"):
            read_batches([tmp_path / "batch.parquet"], told)


def test_a_float_that_is_no_number_is_missing_in_a_table(tmp_path: Path) -> None:
    rows = {"id": ["a"], "when": ["2020-01-31 12:00:00"], "eur": [1.25], "fraud": [0]}
    pl.DataFrame({**rows, "x": [float("nan")]}).write_parquet(tmp_path / "batch.parquet")
    told = contract({"x": {"role": "numeric", "type": "decimal", "nullable": True}})
    assert read_batches([tmp_path / "batch.parquet"], told)["x"].to_list() == [None]
    with pytest.raises(DataError, match="x: 1 value is missing"):
        read_batches([tmp_path / "batch.parquet"], contract({"x": {"role": "numeric", "type": "decimal"}}))


def test_rows_without_an_id_have_one_that_stays(tmp_path: Path) -> None:
    told = contract({"id": None, "when": COUNTED}, event_id="row_number")
    (tmp_path / "one.csv").write_text("when,eur,fraud\n5,1,0\n2,2,1\n5,3,0\n")
    (tmp_path / "two.csv").write_text("when,eur,fraud\n1,4,0\n")
    alone = read_batches([tmp_path / "one.csv"], told)
    both = read_batches([tmp_path / "one.csv", tmp_path / "two.csv"], told)
    assert dict(zip(alone["amount"], alone["event_id"], strict=True)) == {100: "one:1", 200: "one:2", 300: "one:3"}
    assert both.filter(pl.col("batch") == "one").equals(alone)
    assert alone.schema["event_id"] == pl.String


def test_a_request_brings_an_id_where_files_have_none() -> None:
    told = contract({"id": None, "when": COUNTED}, event_id="row_number")
    read = TransactionSchema(told).read(b'{"event_id": "mine", "when": 1, "eur": 2.5}')
    assert read == {"event_id": "mine", "event_time": datetime(2017, 12, 1, 1), "amount": 250}
    label = LabelSchema(told).read(b'{"event_id": "mine", "fraud": 1, "label_time": 24}')
    assert label == ("mine", 1, datetime(2017, 12, 2))
    with pytest.raises(ValidationError, match="event_id"):
        TransactionSchema(told).read(b'{"when": 1, "eur": 2.5}')
