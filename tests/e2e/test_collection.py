"""A payment's whole way round: a service answers it, somebody says what it was, the next training has learned it."""

from __future__ import annotations

import csv
import json
import os
import signal
import time
from contextlib import suppress
from datetime import datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from mlflow_fraud.core.contract.contract import Contract
from stack.place import free_ports
from tests.e2e.desk import Desk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

AT_ONCE = 1000
PATIENCE = 180
UNLIMITED = {"FRAUD_RATE_LIMIT": "100000", "FRAUD_RATE_BURST": "100000", "FRAUD_LABELS_PER_HOUR": "100000"}


def asked(port: int, path: str, body: object = None) -> Any:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    headers = {"Content-Type": "application/json"}
    connection.request("GET" if body is None else "POST", path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status == 200, content[:500]
    return json.loads(content)


def wait_for(port: int) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with suppress(OSError, AssertionError):
            asked(port, "/readyz")
            return
        time.sleep(0.2)
    raise TimeoutError("the service is not ready")


def sent(row: dict[str, str], contract: Contract) -> dict[str, object]:
    """Return a row of a CSV file as a client sends it."""
    numbers = {"integer": int, "decimal": float}
    return {
        column.source: numbers.get(column.type, str)(row[column.source])
        for column in contract.in_files
        if column.role not in ("label", "label_time") and row.get(column.source)
    }


def served(desk: Desk, rows: list[dict[str, str]], contract: Contract) -> None:
    """Let a service answer the rows, then tell it which were fraud, half a day after each."""
    desk.does("mlflow-fraud", "record", "seed")
    (port,) = free_ports(1)
    serve = f"exec mlflow-fraud serve --port {port} > service.log 2>&1"  # a pipe that nobody reads would hold it up
    service = desk.starts("sh", "-c", serve, **UNLIMITED)
    try:
        wait_for(port)
        for first in range(0, len(rows), AT_ONCE):
            answers = asked(port, "/v1/score/batch", [sent(row, contract) for row in rows[first : first + AT_ONCE]])
            assert all("probability" in answer for answer in answers), answers[:2]
        told = [
            {
                "id": row["trans_num"],
                "label": 1,
                "arrived": str(datetime.fromisoformat(row["trans_date_trans_time"]) + timedelta(hours=12)),
            }
            for row in rows
            if row["is_fraud"] == "1"
        ]
        Path(desk.path("labels.csv")).write_text(
            "trans_num,is_fraud,label_time\n"
            + "".join(f"{each['id']},{each['label']},{each['arrived']}\n" for each in told)
        )
        desk.does("mlflow-fraud", "labels", "add", "labels.csv")
    finally:
        os.killpg(service.pid, signal.SIGTERM)
        service.communicate(timeout=PATIENCE)


def test_what_the_service_saw_is_learned_by_the_next_training_though_the_collection_was_killed(
    desk: Desk, contract: Contract
) -> None:
    desk.does("mlflow-fraud", "data", "stream", "--scenario", "new-pattern", "--months", "1")
    (month,) = desk.path(".local/stream/new-pattern").glob("*.csv")
    with month.open() as stream:
        rows = list(csv.DictReader(stream))
    served(desk, rows, contract)
    params = yaml.safe_load(desk.path("params.yaml").read_text())
    params["datasets"]["simulated"]["split"] |= {"validation_days": 7, "test_days": 7, "label_delay_days": 1}
    desk.path("params.yaml").write_text(yaml.safe_dump(params))

    killed = desk.starts("mlflow-fraud", "data", "collect")
    assert killed.stdout is not None
    for line in killed.stdout:
        if line.startswith("holding"):
            break
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    said = desk.does("mlflow-fraud", "data", "collect")

    pointers = sorted(desk.path("data/raw/simulated").glob("collected-*.dvc"))
    assert len(pointers) >= 3, said
    assert said.count(" pinned\n") == len(pointers)
    assert [file.with_suffix("").is_file() for file in pointers] == [True] * len(pointers)
    again = desk.does("python", "-m", "flows.collection")
    assert "no new batch: all that was mature on" in again
    assert "collected: 0, refused: 0" in again
    wrong = next(row for row in rows if row["is_fraud"] == "1")
    at = datetime.fromisoformat(wrong["trans_date_trans_time"]) + timedelta(days=9)
    desk.path("mine.csv").write_text(f"trans_num,column,value,arrived\n{wrong['trans_num']},is_fraud,0,{at}\n")
    assert "1 correction pinned" in desk.does("mlflow-fraud", "data", "correct", "mine.csv")
    desk.does("dvc", "repro", "preprocess")
    batches = pl.read_parquet(desk.path("data/transactions.parquet"))
    collected = batches.filter(pl.col("batch").str.starts_with("collected-"))
    truth = {row["trans_num"]: int(row["is_fraud"]) for row in rows} | {wrong["trans_num"]: 0}
    assert len(collected) > 2000
    assert collected["event_id"].is_unique().all()
    assert {event_id: truth[event_id] for event_id in collected["event_id"]} == dict(
        collected.select("event_id", "label").iter_rows()
    )
    learned = pl.read_parquet(desk.path("data/features/train.parquet"))
    theirs = set(collected["event_id"]) & set(learned["event_id"])
    assert len(theirs) > 500
    changed = set(desk.does("git", "status", "--porcelain", "--untracked-files=all", "data/raw").split()[1::2])
    (correction,) = desk.path("data/raw/simulated/corrections").glob("*.dvc")
    assert {str(file.relative_to(desk.folder)) for file in (*pointers, correction)} <= changed
    assert {Path(file).suffix for file in changed} == {".dvc"}
