"""A request is what the contract says, and becomes the transaction that ingest would have made."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.serving.schema import TransactionSchema, problems
from tests.serving.conftest import Raw, as_json

ROW = {
    "trans_date_trans_time": "2020-06-21 12:14:25",
    "cc_num": 2291163933867244,
    "merchant": "fraud_Kirlin and Sons",
    "category": "personal_care",
    "amt": 2.86,
    "lat": 33.9659,
    "long": -80.9355,
    "city_pop": 333497,
    "dob": "1968-03-19",
    "trans_num": "2da90c7d74bd46a0caf3777415b3ebd3",
    "merch_lat": 33.986391,
    "merch_long": -81.200714,
}


@pytest.fixture(scope="module")
def request_schema(contract: Contract) -> TransactionSchema:
    return TransactionSchema(contract)


def refusal(request_schema: TransactionSchema, row: dict[str, Any]) -> dict[str, Any]:
    with pytest.raises(ValidationError) as error:
        request_schema.read(as_json(row))
    (problem,) = problems(error.value)
    return problem


def test_a_request_becomes_a_transaction_in_the_pipelines_names_and_units(request_schema: TransactionSchema) -> None:
    assert request_schema.read(as_json(ROW)) == {
        "event_time": datetime(2020, 6, 21, 12, 14, 25),
        "card": 2291163933867244,
        "merchant": "fraud_Kirlin and Sons",
        "category": "personal_care",
        "amount": 286,
        "home_latitude": 33.9659,
        "home_longitude": -80.9355,
        "city_pop": 333497,
        "birth_date": date(1968, 3, 19),
        "event_id": "2da90c7d74bd46a0caf3777415b3ebd3",
        "merchant_latitude": 33.986391,
        "merchant_longitude": -81.200714,
    }


@pytest.mark.parametrize("amount", [0.01, 2.86, 1.005, 0.285, 19.99, 100, 999999.99])
def test_a_request_gives_what_ingest_gives(
    request_schema: TransactionSchema, contract: Contract, tmp_path: Path, amount: float
) -> None:
    row = {**ROW, "amt": amount}
    pl.DataFrame([{**row, "is_fraud": 0}]).write_csv(tmp_path / "batch.csv")
    known_later = ("label", "label_time", "batch", "unix_time")
    (ingested,) = read_batches([tmp_path / "batch.csv"], contract).drop(known_later).to_dicts()
    assert request_schema.read(as_json(row)) == ingested


@pytest.mark.parametrize("moment", ["2020-06-21 12:14:25", "2020-06-21T12:14:25", " 2020-06-21 12:14:25 "])
def test_a_time_may_be_in_the_contracts_format_or_iso(request_schema: TransactionSchema, moment: str) -> None:
    transaction = request_schema.read(as_json({**ROW, "trans_date_trans_time": moment}))
    assert transaction["event_time"] == datetime(2020, 6, 21, 12, 14, 25)


def test_columns_that_the_contract_does_not_keep_are_ignored(request_schema: TransactionSchema) -> None:
    more = {"first": "Ann", "is_fraud": 1, "state": "SC", "note": [1, {"deep": None}]}
    assert request_schema.read(as_json({**ROW, **more})) == request_schema.read(as_json(ROW))


@pytest.mark.parametrize("column", list(ROW))
def test_a_missing_column_is_named(request_schema: TransactionSchema, column: str) -> None:
    problem = refusal(request_schema, {name: value for name, value in ROW.items() if name != column})
    assert problem["loc"] == ["body", column]
    assert problem["msg"] == "Field required"


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        pytest.param("amt", "2.86", "valid number", id="an amount as text"),
        pytest.param("amt", True, "valid number", id="an amount that is true"),
        pytest.param("amt", None, "valid number", id="an amount that is null"),
        pytest.param("amt", -4.2, "greater than or equal to 0.01", id="a negative amount"),
        pytest.param("amt", 1e9, "less than or equal to 1000000", id="an amount beyond the range"),
        pytest.param("amt", float("nan"), "finite", id="an amount that is no number"),
        pytest.param("cc_num", "2291163933867244", "valid integer", id="a card as text"),
        pytest.param("cc_num", 0, "greater than or equal to 1", id="a card out of range"),
        pytest.param("cc_num", 2**63, "less than or equal to 9223372036854775807", id="a card beyond 64 bits"),
        pytest.param("city_pop", 1.5, "valid integer", id="a count with a fraction"),
        pytest.param("merchant", 7, "valid string", id="a text that is a number"),
        pytest.param("merchant", "  ", "at least 1 character", id="an empty text"),
        pytest.param("category", "groceries", "expected one of entertainment, ", id="an unknown category"),
        pytest.param("lat", 91, "less than or equal to 90", id="a latitude beyond the pole"),
        pytest.param("dob", "19.03.1968", "expected a date like %Y-%m-%d or ISO 8601", id="a day in another format"),
        pytest.param("dob", "1868-03-19", "expected a time from 1900-01-01", id="a day out of range"),
        pytest.param("trans_date_trans_time", 1592741665, "expected a timestamp as text", id="a time as a number"),
        pytest.param("trans_date_trans_time", "noon", "expected a timestamp like", id="a time that is none"),
        pytest.param("trans_date_trans_time", "2020-06-21T12:14:25Z", "without an offset", id="a time in UTC"),
        pytest.param("trans_date_trans_time", "2099-01-01 00:00:00", "expected a time from", id="a time out of range"),
    ],
)
def test_a_wrong_value_is_refused_with_the_columns_name(
    request_schema: TransactionSchema, column: str, value: Any, says: str
) -> None:
    problem = refusal(request_schema, {**ROW, column: value})
    assert problem["loc"] == ["body", column]
    assert says in problem["msg"]


def test_a_refusal_does_not_repeat_what_was_sent(request_schema: TransactionSchema) -> None:
    problem = refusal(request_schema, {**ROW, "cc_num": "2291163933867244"})
    assert "2291163933867244" not in json.dumps(problem)


def test_a_column_that_is_there_twice_is_refused_and_what_nobody_reads_may_be(
    request_schema: TransactionSchema,
) -> None:
    body = as_json(ROW)[:-1]
    with pytest.raises(ValidationError) as error:
        request_schema.read(body + b', "lat": 1, "am\\u0074": 2.86}')
    assert {tuple(problem["loc"]) for problem in problems(error.value)} == {("body", "lat"), ("body", "amt")}
    assert request_schema.read(body + b', "note": 1, "note": 2}') == request_schema.read(as_json(ROW))


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"text"', b"null", b"\xff\xfe", b"[" * 10_000, b"1" + b"0" * 5_000]
)
def test_a_body_that_is_no_json_object_is_refused(request_schema: TransactionSchema, body: bytes) -> None:
    with pytest.raises(ValidationError):
        request_schema.read(body)


def test_a_column_may_have_any_name_and_be_left_out_where_the_contract_says_so() -> None:
    contract = Contract.model_validate(
        {
            "name": "other",
            "currency_decimals": 0,
            "columns": [
                {"source": "model_config", "role": "event_id", "type": "text"},
                {"source": "_when", "role": "event_time", "type": "timestamp", "format": "%d.%m.%Y %H:%M"},
                {"source": "json", "role": "entity", "entity": "terminal", "type": "text"},
                {"source": "1st amount", "role": "amount", "type": "integer"},
                {"source": "schema", "role": "numeric", "type": "decimal", "nullable": True},
                {"source": "copy", "role": "label", "type": "integer"},
            ],
        }
    )
    row = {"model_config": "a", "_when": "21.06.2020 12:14", "json": "t", "1st amount": 300}
    assert TransactionSchema(contract).read(as_json(row)) == {
        "event_id": "a",
        "event_time": datetime(2020, 6, 21, 12, 14),
        "terminal": "t",
        "amount": 300,
        "schema": None,
    }


def test_the_json_schema_names_the_columns_their_ranges_and_values(request_schema: TransactionSchema) -> None:
    schema = request_schema.json_schema()
    assert set(schema["required"]) == set(ROW)
    assert schema["properties"]["amt"]["minimum"] == 0.01
    assert "travel" in schema["properties"]["category"]["enum"]


def test_a_made_up_row_goes_there_and_back(request_schema: TransactionSchema, raw: Raw, stream: pl.DataFrame) -> None:
    for row in stream.drop("batch").to_dicts():
        asked = {name: value for name, value in row.items() if name not in ("label", "unix_time")}
        assert request_schema.read(as_json(raw(row))) == asked


def test_a_time_with_an_offset_becomes_the_local_time_of_the_contract(contract: Contract) -> None:
    at = contract.column("event_time")
    assert at is not None
    zoned = at.model_copy(update={"format": "%Y-%m-%dT%H:%M:%S%z", "timezone": "Europe/Berlin"})
    columns = tuple(zoned if column.role == "event_time" else column for column in contract.columns)
    schema = TransactionSchema(contract.model_copy(update={"columns": columns}))
    read = schema.read(as_json({**ROW, at.source: "2020-10-25T01:30:00+0000"}))
    assert read["event_time"] == datetime(2020, 10, 25, 2, 30)
    with pytest.raises(ValidationError, match="expected a time with its offset from UTC"):
        schema.read(as_json({**ROW, at.source: "2020-10-25T01:30:00"}))
