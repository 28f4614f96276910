"""The batch engine against pandas, how it grows, the memory it takes, and what one transaction costs online."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from benchmarks.in_pandas import PandasFeatures, Way
from benchmarks.table import Line, seconds, some_cards
from mlflow_fraud.core.features.batch import build_features
from mlflow_fraud.core.features.definitions import FeatureParams, Window, WindowParams
from mlflow_fraud.core.features.online import CardHistory
from mlflow_fraud.core.features.schema import FeatureSchema

SPANS = ("6h", "24h", "3d", "30d", "90d")
PANDAS_ROWS = 100_000
WARM_DAYS = 90
ONLINE_ROWS = 20_000
MIB = 2**20

BUILD = """
import json, sys
from pathlib import Path
import polars as pl
from mlflow_fraud.core.features.batch import build_features
from mlflow_fraud.core.features.schema import read_schema
schema = read_schema(json.loads(Path(sys.argv[2]).read_text()), where="schema")
def kib(name):
    return int(Path("/proc/self/status").read_text().split(name + ":")[1].split()[0])
rows = pl.read_parquet(sys.argv[1])
before = kib("VmRSS")
features = build_features(rows, schema)
print((kib("VmHWM") - before) * 1024, rows.estimated_size() + features.estimated_size())
"""


def windows_against_pandas(transactions: pl.DataFrame, schema: FeatureSchema) -> Line:
    """Count, sum, mean and max of five card windows: ours against `groupby.rolling`, its rows left in its own order."""
    params = FeatureParams(windows=(WindowParams(by=("card",), spans=SPANS, take=("count", "sum", "mean", "max")),))
    ours = FeatureSchema(params=params, contract=schema.contract, categories={})
    frame = transactions.select("card", "event_time", "amount").to_pandas().set_index("event_time")
    fast = seconds(lambda: build_features(transactions, ours))
    slow = seconds(lambda: _rolling(frame, ours), rounds=1)
    name = f"{len(ours.names)} card windows, {len(transactions):,} rows"
    return Line(name, f"{fast:.2f} s", f"{slow:.1f} s (pandas groupby.rolling)", _times(slow, fast), "7 x as fast")


def whole_against_pandas_plain(transactions: pl.DataFrame, schema: FeatureSchema) -> Line:
    """All features; pandas counts distinct values and finds the last ones by `rolling.apply` as it is by default."""
    return _whole_against_pandas(transactions, schema, "plain")._replace(wanted="40 x as fast")


def whole_against_pandas_apply(transactions: pl.DataFrame, schema: FeatureSchema) -> Line:
    """All features; pandas does so by `rolling.apply(raw=True)`, on arrays."""
    return _whole_against_pandas(transactions, schema, "apply")


def whole_against_pandas_native(transactions: pl.DataFrame, schema: FeatureSchema) -> Line:
    """All features; pandas 3 counts distinct values itself, and shifts over instants give the last ones."""
    return _whole_against_pandas(transactions, schema, "native")


def growth(transactions: pl.DataFrame, schema: FeatureSchema) -> Line:
    """All features of an eighth, a quarter, half and all of the cards: linear is the same time for a million rows."""
    parts = [some_cards(transactions, len(transactions) / n) for n in (8, 4, 2, 1)]
    taken = [seconds(lambda part=part: build_features(part, schema), rounds=1) for part in parts]  # type: ignore[misc]
    each = [second / len(part) * 1e6 for part, second in zip(parts, taken, strict=True)]
    name = f"all {len(schema.names)} features, {', '.join(f'{len(part):,}' for part in parts)} rows"
    shown = ", ".join(f"{second:.1f}" for second in taken)
    return Line(
        name,
        f"{shown} s",
        f"{', '.join(f'{second:.1f}' for second in each)} s a million",
        f"{each[-1] / each[0]:.2f} x as long a row",
        "linear",
    )


def memory(transactions: pl.DataFrame, schema: FeatureSchema) -> Line:
    """By how much a fresh process grows while it builds all features, against its input and output in memory."""
    with tempfile.TemporaryDirectory() as folder:
        rows, definitions = Path(folder) / "rows.parquet", Path(folder) / "schema.json"
        transactions.write_parquet(rows)
        definitions.write_text(schema.to_json(), encoding="utf-8")
        command = [sys.executable, "-c", BUILD, str(rows), str(definitions)]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    grown, frames = (int(number) for number in printed.split())
    name = f"memory for all {len(schema.names)} features, {len(transactions):,} rows"
    baseline = f"{frames / MIB:,.0f} MiB (input and output)"
    return Line(name, f"{grown / MIB:,.0f} MiB more", baseline, f"{grown / frames:.1f} x", "at most 3 x")


def online(transactions: pl.DataFrame, schema: FeatureSchema) -> Line:
    """Read and update of one transaction whose windows are full, labels learned between, against batch's time a row."""
    past, taken = CardHistory(schema), []
    begin = transactions["event_time"][-ONLINE_ROWS] - timedelta(days=WARM_DAYS)
    rows = transactions.filter(pl.col("event_time") >= begin).to_dicts()
    for row in rows[:-ONLINE_ROWS]:
        past.update(row)
        past.learn(row, row["label"], row["event_time"] + schema.label_delay)
    for row in rows[-ONLINE_ROWS:]:
        start = time.perf_counter()
        past.read(row)
        past.update(row)
        taken.append((time.perf_counter() - start) * 1e6)
        past.learn(row, row["label"], row["event_time"] + schema.label_delay)
    p50, p99 = np.percentile(taken, [50, 99])
    batch = seconds(lambda: build_features(transactions, schema), rounds=1) / len(transactions) * 1e6
    name = f"one transaction online, {len(schema.names)} features, {WARM_DAYS} days before it"
    ours = f"p50 {p50:.0f} us, p99 {p99:.0f} us"
    wanted = "p50 60 us, p99 250 us"
    return Line(name, ours, f"{batch:.1f} us (batch, a row)", f"{p50 / batch:.0f} x as long", wanted)


def _whole_against_pandas(transactions: pl.DataFrame, schema: FeatureSchema, way: Way) -> Line:
    """Time pandas on fewer rows, ours on the same and on all, and compare the time for a row."""
    few = some_cards(transactions, min(PANDAS_ROWS, len(transactions)))
    slow = seconds(lambda: PandasFeatures(few, schema, way).all(), rounds=1) / len(few)
    same, whole = (seconds(lambda rows=rows: build_features(rows, schema)) / len(rows) for rows in (few, transactions))  # type: ignore[misc]
    name = f"all {len(schema.names)} features a row, {len(few):,} and {len(transactions):,} rows"
    ours = f"{same * 1e6:.1f} us, {whole * 1e6:.1f} us"
    theirs = f"{slow * 1e6:.1f} us on {len(few):,} rows (pandas, {way})"
    return Line(name, ours, theirs, f"{slow / same:.1f}, {_times(slow, whole)}")


def _rolling(frame: pd.DataFrame, schema: FeatureSchema) -> None:
    groups: Any = frame.groupby("card")["amount"]
    for feature in schema.features:
        assert isinstance(feature, Window)
        getattr(groups.rolling(feature.span, closed="left"), feature.statistic)()


def _times(slow: float, fast: float) -> str:
    return f"{slow / fast:.1f} x as fast"
