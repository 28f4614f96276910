"""The batch engine against pandas, and what one transaction costs online."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl

from mlflow_fraud.core.features.batch import build_features
from mlflow_fraud.core.features.definitions import FeatureParams, Window, WindowParams
from mlflow_fraud.core.features.online import CardHistory
from mlflow_fraud.core.features.schema import FeatureSchema

Row = tuple[str, str, str, str]
SPANS = ("6h", "24h", "3d", "30d", "90d")
ONLINE_ROWS = 20_000


def windows_against_pandas(transactions: pl.DataFrame, schema: FeatureSchema) -> Row:
    """Count, sum, mean and max of five card windows: ours against `groupby.rolling`."""
    params = FeatureParams(windows=(WindowParams(by=("card",), spans=SPANS, take=("count", "sum", "mean", "max")),))
    ours = FeatureSchema(params=params, contract=schema.contract, categories={})
    frame = transactions.select("card", "event_time", "amount").to_pandas().set_index("event_time")
    fast, slow = _seconds(lambda: build_features(transactions, ours)), _seconds(lambda: _pandas(frame, ours))
    name = f"{len(ours.names)} card windows, {len(transactions):,} rows"
    return name, f"{fast:.2f} s", f"{slow:.2f} s (pandas groupby.rolling)", f"{slow / fast:.1f} x as fast"


def whole_definition(transactions: pl.DataFrame, schema: FeatureSchema) -> Row:
    """All shipped features, against half of the rows: linear is 2."""
    half = transactions.head(len(transactions) // 2)
    part, whole = _seconds(lambda: build_features(half, schema)), _seconds(lambda: build_features(transactions, schema))
    name = f"all {len(schema.names)} features, {len(transactions):,} rows"
    return name, f"{whole:.2f} s", f"{part:.2f} s (half of the rows)", f"{whole / part:.2f} x as long"


def online(transactions: pl.DataFrame, schema: FeatureSchema) -> Row:
    """Read and update of one transaction after a warm start, against the batch engine's time a row."""
    past, taken = CardHistory(schema), []
    rows = transactions.tail(3 * ONLINE_ROWS).to_dicts()
    for row in rows[: 2 * ONLINE_ROWS]:
        past.update(row)
    for row in rows[2 * ONLINE_ROWS :]:
        start = time.perf_counter()
        past.read(row)
        past.update(row)
        taken.append((time.perf_counter() - start) * 1e6)
    p50, p99 = np.percentile(taken, [50, 99])
    batch = _seconds(lambda: build_features(transactions, schema)) / len(transactions) * 1e6
    name = f"one transaction online, {len(schema.names)} features"
    return name, f"p50 {p50:.0f} us, p99 {p99:.0f} us", f"{batch:.1f} us (batch, a row)", f"{p50 / batch:.0f} x as long"


def _pandas(frame: pd.DataFrame, schema: FeatureSchema) -> None:
    groups = frame.groupby("card")["amount"]
    for feature in schema.features:
        assert isinstance(feature, Window)
        getattr(groups.rolling(feature.span, closed="left"), feature.statistic)()


def _seconds(work: Callable[[], object], *, rounds: int = 3) -> float:
    """Return the best of a few rounds: the machine's other work only ever adds."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)
