"""What parting the rows by entity costs on one machine."""

from __future__ import annotations

import tempfile
from pathlib import Path

import polars as pl
from dask.distributed import Client, LocalCluster

from benchmarks.table import Line, seconds, some_cards
from mlflow_fraud.adapters.dask_engine import build_parts
from mlflow_fraud.core.features.batch import build_features
from mlflow_fraud.core.features.schema import FeatureSchema

PARTED_ROWS = 500_000
PARTS, WORKERS = 4, 2


def dask_against_batch(transactions: pl.DataFrame, schema: FeatureSchema) -> Line:
    """All features of Parquet parts on a local cluster, against the batch engine in one process, which stays faster.

    Every row goes over the wire once for each entity; what is won is room, not time.
    """
    rows = some_cards(transactions, min(PARTED_ROWS, len(transactions)))
    batch = seconds(lambda: build_features(rows, schema), rounds=1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        sources = [folder / f"{number}.parquet" for number in range(PARTS)]
        for number, source in enumerate(sources):
            rows.gather_every(PARTS, number).write_parquet(source)
        cluster = LocalCluster(  # type: ignore[no-untyped-call]  # Dask's own
            n_workers=WORKERS, threads_per_worker=1, dashboard_address=None, host="127.0.0.1", local_directory=scratch
        )
        with cluster, Client(cluster):  # type: ignore[no-untyped-call]
            dask = seconds(lambda: build_parts(sources, schema, folder / "features", buckets=WORKERS), rounds=1)
    name = f"all {len(schema.names)} features of {PARTS} Parquet parts, {len(rows):,} rows, Dask with {WORKERS} workers"
    return Line(name, f"{dask:.1f} s", f"{batch:.1f} s (batch, in memory)", f"{dask / batch:.1f} x as long")
