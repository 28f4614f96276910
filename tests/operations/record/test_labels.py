"""The file of labels that comes every night adds what is new, and says of the rest what became of it."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from mlflow_fraud.adapters.prediction_log.entries import Payment
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.cli import app
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.record.labels import add_labels
from mlflow_fraud.serving.clock import clock_of
from mlflow_fraud.serving.record import open_record
from mlflow_fraud.serving.warm_start import warm_history
from tests.conftest import ROOT, make_transactions

HEADER = "trans_num,is_fraud,label_time,merchant"


@pytest.fixture
def payments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pl.DataFrame:
    """Payments in the record of a folder that has settings and contracts alone."""
    for name in ("params.yaml", "data/contracts/sparkov.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FRAUD_PREDICTION_LOG", f"sqlite:///{tmp_path / 'record.db'}")
    given = make_transactions(80, cards=9)
    log = PredictionLog(f"sqlite:///{tmp_path / 'record.db'}")
    received = datetime(2026, 1, 1)
    log.append([Payment(n, "sparkov", row, received) for n, row in enumerate(given.drop("label", "batch").to_dicts())])
    log.close()
    return given


def file_of(*lines: str) -> Path:
    file = Path("labels.csv")
    file.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return file


def line(payment: dict[str, object], label: int, days: int = 3) -> str:
    at = payment["event_time"]
    assert isinstance(at, datetime)
    return f"{payment['event_id']},{label},{at + timedelta(days=days):%Y-%m-%d %H:%M:%S},nobody"


def test_what_is_new_is_added_once_and_the_rest_is_counted(payments: pl.DataFrame) -> None:
    rows = payments.to_dicts()
    stranger = {**rows[0], "event_id": "of nobody"}
    file = file_of(*(line(row, n % 2) for n, row in enumerate(rows[:20])), line(stranger, 1), line(rows[30], 1, -1))
    numbers = [row.split()[0] for row in add_labels(file).splitlines()[1:5]]
    assert numbers == ["20", "0", "1", "1"]
    again = add_labels(file)
    assert [row.split()[0] for row in again.splitlines()[1:5]] == ["0", "20", "1", "1"]
    assert "of no payment: of nobody; add them again later" in again


def test_a_label_that_changed_is_new(payments: pl.DataFrame) -> None:
    row = payments.to_dicts()[0]
    add_labels(file_of(line(row, 1)))
    assert add_labels(file_of(line(row, 0, days=30))).splitlines()[1].split() == ["1", "new"]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["a,2,2020-01-01 00:00:00,b"], "is_fraud"),
        (["a,1,,b"], "label_time"),
        (["a,1,2400-01-01 00:00:00,b"], "label_time: 1 value is beyond the bounds|label arrives later than"),
        ([], "has a header and no rows"),
    ],
)
def test_a_file_that_is_not_what_the_contract_says_adds_nothing(
    payments: pl.DataFrame, lines: list[str], said: str
) -> None:
    good = line(payments.to_dicts()[0], 1)
    with pytest.raises(DataError, match=said):
        add_labels(file_of(*([good, *lines] if lines else [])))
    assert "0  known already" in add_labels(file_of(good))


def test_a_label_of_next_year_is_refused_where_the_time_of_day_is_the_clock(
    payments: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAUD_CLOCK", "wall")
    ahead = payments.to_dicts()[0] | {"event_time": datetime.now() + timedelta(days=5)}
    with pytest.raises(DataError, match="1 label arrives later than"):
        add_labels(file_of(line(ahead, 1)))


def test_a_file_that_is_not_there_is_one_line_and_no_traceback(payments: pl.DataFrame) -> None:
    result = CliRunner().invoke(app, ["labels", "add", "nothing.csv"])
    assert result.exit_code != 0
    assert isinstance(result.exception, DataError)


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(seconds=1)])
def test_a_label_is_taken_up_to_the_moment_up_to_which_the_service_takes_it(
    payments: pl.DataFrame, schema: FeatureSchema, ahead: timedelta
) -> None:
    environment = load_environment()
    with open_record(environment.prediction_log) as record:
        last = warm_history(schema, record, clock_of("stream", environment.tolerance)).clock.last_arrival()
    assert last
    told = file_of(f"{payments['event_id'][0]},1,{last.replace(microsecond=0) + ahead:%Y-%m-%d %H:%M:%S},nobody")
    if ahead:
        with pytest.raises(DataError, match="1 label arrives later than"):
            add_labels(told)
    else:
        assert add_labels(told).splitlines()[1].split() == ["1", "new"]
