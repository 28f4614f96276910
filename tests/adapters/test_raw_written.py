"""What is written as a raw file is read as the same rows, in every form that a contract may have."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.adapters.raw_written import write_raw
from mlflow_fraud.core.contract.contract import Contract, read_contract
from tests.conftest import make_transactions


def a_contract(time: dict[str, Any], **rest: Any) -> Contract:
    columns = {
        "id": {"role": "event_id", "type": "integer"},
        "at": {"role": "event_time", "type": "timestamp", **time},
        "customer": {"role": "entity", "entity": "customer", "type": "text"},
        "amount": {"role": "amount", "type": "decimal"},
        "weight": {"role": "numeric", "type": "decimal", "nullable": True},
        "born": {"role": "birth_date", "type": "date", "format": "%d.%m.%Y", "nullable": True},
        "fraud": {"role": "label", "type": "integer", "nullable": True},
        "told": {"role": "label_time", "type": "timestamp", "nullable": True, **time},
    }
    return read_contract({"name": "tiny", "columns": columns, **rest}, where="tiny")


ISO = {"format": "%Y-%m-%d %H:%M:%S"}


@pytest.mark.parametrize(
    "contract",
    [
        pytest.param(a_contract(ISO), id="written times"),
        pytest.param(a_contract(ISO, csv={"decimal": ","}, currency_decimals=3), id="a comma, three decimals"),
        pytest.param(a_contract(ISO, currency_decimals=0), id="no decimals"),
        pytest.param(a_contract({"format": "%Y-%m-%dT%H:%M:%S%z", "timezone": "Europe/Berlin"}), id="an offset"),
        pytest.param(a_contract({"unit": "seconds", "since": "1970-01-01"}), id="a count of seconds"),
        pytest.param(
            a_contract(
                {"unit": "milliseconds", "since": "1970-01-01T00:00:00+00:00", "timezone": "Europe/Berlin"},
                csv={"decimal": ","},
            ),
            id="a count with a time zone",
        ),
    ],
)
def test_rows_that_are_written_are_read_again(contract: Contract, tmp_path: Path) -> None:
    at = datetime(2020, 10, 25, 1, 30)  # the night in which Berlin has an hour twice
    rows = pl.DataFrame(
        {
            "event_id": list(range(6)),
            "event_time": [at + timedelta(minutes=20 * number) for number in range(6)],
            "customer": ["a", "b,c", 'd "e"', "ü", "f", "g"],
            "amount": [1, -12345, 100, 10**15, 7, 250_000],
            "weight": [0.1, 1e-7, None, 12.0, -3.5, 1 / 3],
            "birth_date": [date(1970, 1, 1), None, *[date(2001, 12, 31)] * 4],
            "label": [1, 0, None, 0, 0, 1],
            "label_time": [at + timedelta(days=9), None, None, at + timedelta(days=1), None, None],
        },
        schema_overrides={column.name: column.dtype for column in contract.kept},
    )
    write_raw(tmp_path / "rows.parquet", rows, contract)
    again = read_batches([tmp_path / "rows.parquet"], contract)
    assert again.select(rows.columns).equals(rows)
    write_raw(tmp_path / "again.parquet", again, contract)
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "rows.parquet").read_bytes()


def test_what_stops_at_ingest_is_not_in_it(contract: Contract, tmp_path: Path) -> None:
    rows = make_transactions(200)
    write_raw(tmp_path / "made-up.parquet", rows, contract)
    again = read_batches([tmp_path / "made-up.parquet"], contract)
    assert again.select(sorted(rows.columns)).equals(rows.select(sorted(rows.columns)))
    assert [name for name in again.columns if again[name].is_null().all()] == ["label_time"]
    assert not {"first", "last", "street"} & set(pl.read_parquet_schema(tmp_path / "made-up.parquet"))
