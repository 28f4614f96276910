"""The monitoring flow on simulated months that follow the data, without and with a new kind of fraud."""

from __future__ import annotations

import json
import re
import sqlite3

import pytest

from tests.e2e.desk import Desk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def watch(desk: Desk, scenario: str) -> str:
    """Make three months of a scenario, run the flow on them and return what it printed."""
    desk.does("mlflow-fraud", "data", "stream", "--scenario", scenario)
    months = sorted(str(path) for path in desk.path(f".local/stream/{scenario}").glob("*.csv"))
    assert len(months) == 3
    return desk.does("python", "-m", "flows.monitoring", *months)


def test_a_new_kind_of_fraud_asks_for_retraining_and_more_of_the_same_does_not(desk: Desk) -> None:
    stable = watch(desk, "stable")
    windows = json.loads(desk.path("data/monitoring/windows.json").read_text())
    changed = watch(desk, "new-pattern")
    later = json.loads(desk.path("data/monitoring/windows.json").read_text())

    assert "retrain: no" in stable
    assert re.search(r"retrain: yes, \d+ of the newest \d+ bursts of fraud were missed, fewer were promised", changed)
    assert len(windows) == len(later) == 3
    assert all(new["recall"] < old["recall"] for old, new in zip(windows, later, strict=True))
    with sqlite3.connect(desk.path(".local/mlflow.db")) as database:
        logged = database.execute(
            "select count(*) from runs join metrics using (run_uuid) where name like 'window %' and key = 'f1'"
        ).fetchone()
    assert logged == (6,)


def test_without_a_record_or_a_window_the_flow_says_what_to_give(desk: Desk) -> None:
    ended = desk.tries("python", "-m", "flows.monitoring")

    assert ended.returncode == 1
    assert "error: " in ended.stderr
    assert "Or give the labelled windows as CSV files, oldest first" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_files_the_flow_reads_the_record_and_leaves_the_page(desk: Desk) -> None:
    desk.does("mlflow-fraud", "record", "seed")
    said = desk.does("python", "-m", "flows.monitoring")

    assert "retrain: " in said
    assert "parity: no answer is in the record yet" in said
    page = desk.path("data/monitoring/report.html").read_text()
    assert "Next possible contest" in page
    with sqlite3.connect(desk.path(".local/mlflow.db")) as database:
        (experiments,) = database.execute("select count(*) from experiments where name = 'fraud-monitoring'").fetchone()
    assert experiments == 1
