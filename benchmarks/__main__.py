"""Run all benchmarks on the built-in simulator and print one table; `BENCH_ROWS` makes it smaller."""

from __future__ import annotations

import os
import tempfile
from datetime import date
from pathlib import Path

import polars as pl

from benchmarks import distributed, features, gate, reasons, recording, scoring, starting, training
from benchmarks.table import some_cards
from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.settings import load_contract, load_params
from mlflow_fraud.simulation import SimulationPlan, simulate
from mlflow_fraud.stages.preprocess import fit_schema

ROWS = int(os.environ.get("BENCH_ROWS", "1850000"))
CARDS = 1000
LARGEST = 4 / 1.85
"""The largest table, in which the time is held against the number of rows, against that of the others."""

OF_ALL = (features.growth,)
OF_ROWS = (
    features.windows_against_pandas,
    features.whole_against_pandas_plain,
    features.whole_against_pandas_apply,
    features.whole_against_pandas_native,
    features.memory,
    features.online,
    distributed.dask_against_batch,
    training.xgboost_against_bare,
    training.xgboost_against_unwatched,
    scoring.batch,
    scoring.one_row,
    reasons.of_one_row,
    recording.sqlite,
    recording.floor,
    recording.sqlite_full,
    recording.postgres,
    starting.start,
    gate.whole_gate,
)


def main() -> None:
    """Print what was measured, the baseline, the ratio and what is wanted."""
    params = load_params()
    contract = load_contract(params.active.contract)
    whole = _transactions(contract)
    schema = fit_schema(params.features, contract, whole)
    rows = some_cards(whole, ROWS)
    print("| measured | ours | baseline | ratio | wanted |\n| --- | --- | --- | --- | --- |")
    for benchmarks, table in ((OF_ALL, whole), (OF_ROWS, rows)):
        for benchmark in benchmarks:
            print("| " + " | ".join(benchmark(table, schema)) + " |", flush=True)


def _transactions(contract: Contract) -> pl.DataFrame:
    plan = SimulationPlan(
        start=date(2019, 1, 1), days=730, transactions=ROWS * LARGEST, cards=round(CARDS * LARGEST), merchants=800
    )
    with tempfile.TemporaryDirectory() as folder:
        simulate(plan).write_csv(Path(folder) / "bench.csv")
        return read_batches([Path(folder) / "bench.csv"], contract)


if __name__ == "__main__":
    main()
