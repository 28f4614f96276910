"""Run all benchmarks on the built-in simulator and print one table."""

from __future__ import annotations

import os
import tempfile
from datetime import date
from pathlib import Path

from benchmarks import features, gate
from mlflow_fraud.adapters.raw_files import read_batches
from mlflow_fraud.settings import load_contract, load_params
from mlflow_fraud.simulation import SimulationPlan, simulate
from mlflow_fraud.stages.preprocess import fit_schema

ROWS = int(os.environ.get("BENCH_ROWS", "600000"))


def main() -> None:
    """Print what was measured, the baseline, and the ratio."""
    params = load_params()
    contract = load_contract(params.active.contract)
    plan = SimulationPlan(start=date(2019, 1, 1), days=730, transactions=ROWS, cards=1000, merchants=800)
    with tempfile.TemporaryDirectory() as folder:
        simulate(plan).write_csv(Path(folder) / "bench.csv")
        transactions = read_batches([Path(folder) / "bench.csv"], contract)
    schema = fit_schema(params.features, contract, transactions)
    print("| measured | ours | baseline | ratio |\n| --- | --- | --- | --- |")
    for benchmark in (features.windows_against_pandas, features.whole_definition, features.online, gate.whole_gate):
        print("| " + " | ".join(benchmark(transactions, schema)) + " |", flush=True)


if __name__ == "__main__":
    main()
