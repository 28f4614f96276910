"""One place asks what time it is; everything else is told."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from flows.retraining import retraining
from flows.validation import validation
from mlflow_fraud.core.errors import DataError, SettingsError
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.as_of import moment, require_past, require_table_past
from mlflow_fraud.paths import TRANSACTIONS
from mlflow_fraud.wall import wall_time
from tests.conftest import ROOT

ASK = {"now", "utcnow", "today", "time_ns", "localtime", "gmtime"}
NOON = datetime(2024, 3, 1, 12)


def asking(file: Path) -> bool:
    """Return whether a module asks for the time of day; how long something takes is another question."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of = ast.unparse(node.func.value)
            if (of.split(".")[-1] in ("datetime", "date") and node.func.attr in ASK) or (
                of == "time" and node.func.attr in {*ASK, "time"}
            ):
                return True
    return False


def test_one_module_asks_for_the_time() -> None:
    modules = [*(ROOT / "src").rglob("*.py"), *(ROOT / "flows").rglob("*.py")]
    assert [file.name for file in modules if asking(file)] == ["wall.py"]


def test_the_time_of_day_is_that_of_the_zone() -> None:
    assert abs(wall_time("UTC") - datetime.now(UTC).replace(tzinfo=None)) < timedelta(minutes=1)
    ahead = wall_time("Asia/Tokyo") - wall_time("UTC")
    assert abs(ahead - timedelta(hours=9)) < timedelta(minutes=1)


def rows(*times: datetime) -> pl.DataFrame:
    return pl.DataFrame({"event_time": list(times)}, schema={"event_time": pl.Datetime("us")})


def test_no_row_may_be_later_than_the_moment_that_is_said() -> None:
    require_past(rows(NOON), NOON)
    require_past(rows(NOON + timedelta(days=1)), NOON)
    with pytest.raises(DataError, match=r"newest row is of 2024-03-02 12:00:01, after 2024-03-01 12:00, as of which"):
        require_past(rows(NOON, NOON + timedelta(days=1, seconds=1)), NOON)


def test_no_row_may_be_later_than_now_where_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    require_past(rows(wall_time()))
    with pytest.raises(DataError, match="in the future; correct the feed's clock"):
        require_past(rows(wall_time() + timedelta(days=2)))
    monkeypatch.setenv("FRAUD_CLOCK_TOLERANCE", "3d")
    require_past(rows(wall_time() + timedelta(days=2)))


def test_a_label_from_later_counts_as_well() -> None:
    late = rows(NOON).with_columns(label_time=pl.lit(NOON + timedelta(days=9)))
    with pytest.raises(DataError, match="2024-03-10"):
        require_past(late, NOON)


def test_the_ingested_table_is_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    TRANSACTIONS.parent.mkdir(parents=True)
    rows(NOON).write_parquet(TRANSACTIONS)
    require_table_past(NOON)
    with pytest.raises(DataError, match="as of which this is run"):
        require_table_past(NOON - timedelta(days=30))


def test_a_moment_with_an_offset_is_taken_to_the_datas_local_time() -> None:
    assert moment(NOON.replace(tzinfo=UTC), "Europe/Berlin") == NOON + timedelta(hours=1)
    assert moment(NOON) == NOON


def test_the_flows_are_told_what_now_is() -> None:
    for flow in (validation, retraining):
        assert "as_of" in flow.parameters.properties


@pytest.mark.parametrize(("text", "hours"), [("1d", 24), ("36h", 36), ("0h", 0), ("30d", 720)])
def test_the_tolerance_is_a_number_of_hours_or_days(text: str, hours: int) -> None:
    assert load_environment({"FRAUD_CLOCK_TOLERANCE": text}).tolerance == timedelta(hours=hours)


@pytest.mark.parametrize("text", ["1", "day", "-1d", "1.5h", "1w", "99999d"])
def test_another_tolerance_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"clock_tolerance: expected a number of hours or days such as 36h or 1d"):
        load_environment({"FRAUD_CLOCK_TOLERANCE": text})


def test_another_clock_is_refused() -> None:
    with pytest.raises(SettingsError, match="did you mean wall"):
        load_environment({"FRAUD_CLOCK": "wal"})
    assert load_environment({}).clock == "stream"
