"""How long a service takes to start on a record of a million payments, and what its past takes of memory."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

import polars as pl

from benchmarks.table import Line
from mlflow_fraud.adapters.prediction_log.history import take_in_history
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.core.features.online import CardHistory
from mlflow_fraud.core.features.recorded import as_recorded
from mlflow_fraud.core.features.schema import FeatureSchema, read_schema
from mlflow_fraud.serving.record import open_record
from mlflow_fraud.serving.warm_start import warm_history

PAYMENTS, SAMPLE = 1_000_000, 50_000


def start(transactions: pl.DataFrame, schema: FeatureSchema) -> Line:
    """Start a process on a record, beside taking all of it in one by one, as far as a sample tells."""
    rows = transactions.tail(PAYMENTS)
    with tempfile.TemporaryDirectory() as folder:
        address = f"sqlite:///{Path(folder) / 'record.db'}"
        log = PredictionLog(address)
        take_in_history(log, as_recorded(rows, schema), schema.contract, received=datetime(2026, 1, 1))  # noqa: DTZ001
        log.tidy()
        log.close()
        size = sum(file.stat().st_size for file in Path(folder).iterdir()) / len(rows)
        (Path(folder) / "schema.json").write_text(schema.to_json())
        command = [sys.executable, "-m", "benchmarks.starting", address, str(Path(folder) / "schema.json")]
        took, memory = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    each = _one_by_one(rows.tail(SAMPLE), schema) * len(rows)
    what = f"a start with {len(rows):,} payments in the record"
    ours = f"{took:.1f} s, {memory:,.0f} MiB; {size:.0f} bytes a payment on disk"
    return Line(what, ours, f"{each:.0f} s (all one by one)", f"{took / each:.2f} x as long", "20 s")


def _one_by_one(rows: pl.DataFrame, schema: FeatureSchema) -> float:
    """Return the seconds of one of these rows."""
    past, began = CardHistory(schema), time.perf_counter()
    for row in rows.iter_rows(named=True):
        past.update(row)
    return (time.perf_counter() - began) / len(rows)


def _main(address: str, schema: str) -> None:
    features, began = read_schema(json.loads(Path(schema).read_text()), where=schema), time.perf_counter()
    with open_record(address) as record:
        warm_history(features, record)
        took = time.perf_counter() - began
        print(json.dumps([took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


if __name__ == "__main__":
    _main(*sys.argv[1:])
