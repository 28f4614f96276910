"""An older record is taken along by a person's command; what is no record, and what is newer, is left as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from mlflow_fraud.adapters.prediction_log.connection import connect
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.versions import newest, upgrade
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.operations.record.upgrade import upgrade_record


def test_an_older_record_is_taken_to_the_newest_step_and_a_second_time_nothing_is_done(
    desk: Path, address: str
) -> None:
    engine = connect(address)
    upgrade(engine, to="0001")
    engine.dispose()
    assert f"is of step {newest()} now, was of 0001" in upgrade_record()
    assert f"is of step {newest()} already" in upgrade_record()


def test_a_database_of_something_else_gets_none_of_our_tables(desk: Path, address: str) -> None:
    engine = connect(address)
    with engine.begin() as connection:
        connection.execute(text("create table accounts (id integer)"))
    with pytest.raises(DataError, match=r"holds no record but other tables \(accounts\); set FRAUD_PREDICTION_LOG to"):
        upgrade_record()
    assert inspect(engine).get_table_names() == ["accounts"]
    engine.dispose()


def test_where_no_record_is_none_is_made(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(desk.iterdir())
    monkeypatch.setenv("FRAUD_PREDICTION_LOG", f"sqlite:///{desk / 'nothing.db'}")
    with pytest.raises(DataError, match=r"there is no record at .*nothing.db"):
        upgrade_record()
    assert sorted(desk.iterdir()) == before


def test_a_record_of_a_newer_program_is_refused_in_one_sentence(desk: Path, address: str) -> None:
    PredictionLog(address).close()
    engine = connect(address)
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(DataError, match=f"is of step 9999, this program expects {newest()}; run the newer program"):
        upgrade_record()
    engine.dispose()
