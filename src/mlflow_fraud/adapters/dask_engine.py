"""The distributed engine: rows go by entity to a worker, where the batch engine computes; then back to their places.

Each entity's whole past has to lie in one place, and a transaction has several entities, so the rows are parted once
for each. What looks at scores waits for the pass that makes them. Dask is in the extra `scale`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl
from dask.base import compute
from dask.delayed import Delayed, delayed
from distributed import Client

from mlflow_fraud.adapters.files import write_parquet
from mlflow_fraud.core.features.batch import TIME_ORDER, FromPast, in_columns, passes, with_past
from mlflow_fraud.core.features.definitions import Entities
from mlflow_fraud.core.features.schema import FeatureSchema

HASH_SEED = 7
_PART, _PLACE = "which part", "place in its part"


def build_on_cluster(transactions: pl.DataFrame, schema: FeatureSchema) -> pl.DataFrame:
    """Return what the batch engine returns, computed by a Dask cluster.

    That is the one at `DASK_SCHEDULER_ADDRESS`, which has to see this machine's temporary folder, or else workers on
    this machine, one for each core.
    """
    local = {"n_workers": os.cpu_count() or 1, "threads_per_worker": 1, "dashboard_address": None, "host": "127.0.0.1"}
    with tempfile.TemporaryDirectory() as scratch, Client(**local) as client:  # type: ignore[no-untyped-call]
        workers = max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
        sources = [Path(scratch) / f"{number}.parquet" for number in range(workers)]
        height = -(-len(transactions) // workers)
        for number, source in enumerate(sources):
            write_parquet(source, transactions.slice(number * height, height))
        built = build_parts(sources, schema, Path(scratch) / "features", buckets=workers)
        return pl.concat(pl.read_parquet(part) for part in built)


def build_parts(sources: Sequence[Path], schema: FeatureSchema, folder: Path, *, buckets: int) -> list[Path]:
    """Write the features of each Parquet file of transactions to a file of the same name in `folder`.

    The files together are the history, in any order and cut anywhere; no two have the same name. `buckets` is into
    how many parts an entity's rows go: as many as there are workers, or more where a part does not fit into memory.
    Whoever calls chooses the scheduler or the cluster, as with any Dask computation.
    """
    parts = [delayed(pl.read_parquet)(source) for source in sources]
    targets = [folder / source.name for source in sources]
    written = [
        delayed(_write)(target, part) for target, part in zip(targets, featured(parts, schema, buckets), strict=True)
    ]
    compute(*written)  # type: ignore[no-untyped-call]
    return targets


def featured(parts: Sequence[Delayed], schema: FeatureSchema, buckets: int) -> list[Delayed]:
    """Return the features of each part of the transactions, rows in its order, not computed yet."""
    known = [delayed(_numbered)(part, number) for number, part in enumerate(parts)]
    for features in passes(schema):
        known = _with_past(known, features, schema, buckets)
    return [delayed(_in_columns)(part, schema) for part in known]


def _with_past(
    parts: list[Delayed], features: tuple[FromPast, ...], schema: FeatureSchema, buckets: int
) -> list[Delayed]:
    """Add each entity's features to all parts; every entity's come from the same rows."""
    added: list[list[Delayed]] = [[part] for part in parts]
    for by in dict.fromkeys(feature.by for feature in features):
        ours = tuple(feature for feature in features if feature.by == by)
        split = delayed(_split, nout=buckets)
        pieces = [split(part, by, buckets) for part in parts]
        measured = [
            delayed(_measured, nout=len(parts))([piece[bucket] for piece in pieces], ours, schema, len(parts))
            for bucket in range(buckets)
        ]
        for number, columns in enumerate(added):
            columns.append(delayed(_in_order)([bucket[number] for bucket in measured]))
    return [delayed(_beside)(columns) for columns in added]


def _numbered(rows: pl.DataFrame, number: int) -> pl.DataFrame:
    return rows.with_columns(pl.lit(number, pl.UInt32).alias(_PART), pl.int_range(pl.len()).alias(_PLACE))


def _split(rows: pl.DataFrame, by: Entities, buckets: int) -> tuple[pl.DataFrame, ...]:
    """Return the rows of each bucket; an entity's rows are in the same one in whichever part they lie."""
    bucket = rows.select(pl.struct(by).hash(HASH_SEED) % buckets).to_series()
    return tuple(rows.filter(bucket == number) for number in range(buckets))


def _measured(
    pieces: Iterable[pl.DataFrame], features: tuple[FromPast, ...], schema: FeatureSchema, parts: int
) -> tuple[pl.DataFrame, ...]:
    """Return for each part what the batch engine gives for the bucket's rows of it."""
    rows = pl.concat(pieces).sort(TIME_ORDER)
    measured = with_past(rows.lazy(), features, schema).select(_PART, _PLACE, *(f.name for f in features)).collect()
    return tuple(measured.filter(pl.col(_PART) == number) for number in range(parts))


def _in_order(pieces: Iterable[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(pieces).sort(_PLACE).drop(_PART, _PLACE)


def _beside(columns: Iterable[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(columns, how="horizontal")


def _in_columns(rows: pl.DataFrame, schema: FeatureSchema) -> pl.DataFrame:
    return in_columns(rows.lazy(), schema).collect()


def _write(target: Path, features: pl.DataFrame) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    write_parquet(target, features)
