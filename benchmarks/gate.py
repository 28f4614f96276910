"""What the gate costs: seconds and peak memory of a process that checks a table and writes the data docs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import polars as pl

from benchmarks.table import Line, some_cards
from mlflow_fraud.core.features.schema import FeatureSchema

GATED_ROWS = 600_000

CHECK = """
import sys
from pathlib import Path
from mlflow_fraud.adapters.gx_contract import check
from mlflow_fraud.settings import load_contract
check(Path(sys.argv[1]), load_contract(Path("data/contracts/sparkov.yaml")), docs=Path(sys.argv[2]))
print(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
"""


class Cost(NamedTuple):
    """A process from start to end."""

    seconds: float
    gib: float


def whole_gate(transactions: pl.DataFrame, schema: FeatureSchema) -> Line:
    """All rules and the data docs, against a third of the rows: linear is 3, less is the start of the process."""
    some = some_cards(transactions, min(GATED_ROWS, len(transactions)))
    batched = some.with_columns(pl.col("event_time").dt.strftime("%Y-%m").alias("batch"))
    with tempfile.TemporaryDirectory() as folder:
        part, whole = (_cost(batched.head(rows), Path(folder)) for rows in (len(batched) // 3, len(batched)))
    name = f"the whole gate, {len(batched):,} rows in {batched['batch'].n_unique()} batches"
    ratio = f"{whole.seconds / part.seconds:.2f} x as long"
    return Line(
        name, f"{whole.seconds:.1f} s, {whole.gib:.1f} GiB", f"{part.seconds:.1f} s (a third of the rows)", ratio
    )


def _cost(rows: pl.DataFrame, folder: Path) -> Cost:
    table = folder / "rows.parquet"
    rows.write_parquet(table)
    start = time.perf_counter()
    command = [sys.executable, "-c", CHECK, str(table), str(folder / "docs")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return Cost(time.perf_counter() - start, int(ended.stdout.split()[-1]) / 2**20)
