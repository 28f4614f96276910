"""A window of the live release is measured as the candidates were."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from mlflow_fraud.adapters.files import read_json, write_json
from mlflow_fraud.adapters.release_store import open_store
from mlflow_fraud.core.measuring.evaluation import COUNTS, HIGHER_IS_BETTER, LOWER_IS_BETTER
from mlflow_fraud.operations.monitoring.monitor import Window, answer, log_window, watch
from mlflow_fraud.operations.release.compare import compare
from mlflow_fraud.operations.release.promote import promote
from mlflow_fraud.operations.reporting.summary import windows_summary
from mlflow_fraud.paths import VERDICT, WINDOWS
from mlflow_fraud.simulation import simulate
from stack.place import free_ports
from tests.workspace import PLAN


@pytest.mark.usefixtures("workspace")
def test_a_window_has_every_metric_and_the_teams_numbers_are_in_its_line() -> None:
    store = open_store("live")
    compare(store, first=True)
    promote(store)
    later = replace(PLAN, start=PLAN.start + timedelta(days=PLAN.days), days=30, transactions=2000)
    Path("month.csv").write_bytes(simulate(later).write_csv().encode())

    window = watch(Path("month.csv"), [], store)

    assert set(window.metrics) == {*HIGHER_IS_BETTER, *LOWER_IS_BETTER, *COUNTS, "drift"}
    assert read_json(WINDOWS)[0]["money_saved"] == window.metrics["money_saved"]
    assert f"{window.metrics['bursts_caught']:.4g}" in windows_summary()
    promised, seen = read_json(VERDICT)["challenger"]["metrics"]["recall"], window.metrics["recall"]
    assert seen is not None
    assert f"| {seen - promised:+.3f} of {promised:.3f} |" in windows_summary()


@pytest.mark.usefixtures("workspace")
def test_rows_that_the_live_release_has_learned_say_nothing_about_it() -> None:
    store = open_store("live")
    compare(store, first=True)
    promote(store)
    live = json.loads(Path("live/latest").read_text())["version"]
    until = store.fetch(live).manifest.learned_until
    assert until is not None
    history = pl.read_csv("data/raw/simulated/2020.csv")
    last = history.filter(pl.col("trans_date_trans_time") >= str(until - timedelta(days=20)))
    last.write_csv("last.csv")

    window = watch(Path("last.csv"), [], store)

    unseen = last.filter(pl.col("trans_date_trans_time") > str(until))
    assert 0 < len(unseen) < len(last)
    assert window.metrics["rows"] == len(unseen)

    last.filter(pl.col("trans_date_trans_time") <= str(until)).write_csv("learned.csv")
    learned = watch(Path("learned.csv"), [], store)
    assert (learned.metrics["rows"], learned.metrics["f1"]) == (0, None)
    assert "learned" in windows_summary()


@pytest.mark.usefixtures("workspace")
def test_no_retraining_is_asked_for_while_no_contest_could_have_frauds_enough() -> None:
    bad = {"version": "xgboost-1", "f1": 0.0, "recall": 0.0, "drift": 0.0}
    write_json(WINDOWS, [{**bad, "name": day, "until": day} for day in ("2031-01-30", "2031-03-01", "2031-03-31")])
    write_json(VERDICT, {"against": "xgboost-1", "waits_until": "2031-03-15"})
    waiting = answer("2031-03-01", "xgboost-1")
    assert not waiting.retrain
    assert waiting.reason.endswith("but no contest has frauds enough before 2031-03-15, so nothing would go live")
    assert answer("2031-03-31", "xgboost-1").retrain
    write_json(VERDICT, {"against": "another", "waits_until": "2031-03-15"})
    assert answer("2031-03-01", "xgboost-1").retrain


def test_a_window_is_kept_where_mlflow_is_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FRAUD_TRACKING_URI", f"http://127.0.0.1:{free_ports(1)[0]}")

    assert log_window(Window("2031", "xgboost-1", date(2031, 1, 30), {"f1": 0.9}, {}, {})) == ""

    assert "warning: window 2031 is not in MLflow" in capsys.readouterr().out
