"""What the shipped graph's scores cost, against the booster in its own library."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np
import polars as pl
import xgboost

from benchmarks.table import Line, seconds, some_cards
from mlflow_fraud.adapters.model_export import model_bytes
from mlflow_fraud.adapters.model_file import load_scorer
from mlflow_fraud.core.features.batch import build_features, model_matrix
from mlflow_fraud.core.features.schema import FeatureSchema

ROWS = 100_000
TREES, DEPTH = 500, 8
REQUESTS = 500


def batch(transactions: pl.DataFrame, schema: FeatureSchema) -> Line:
    """Rows that evaluation and comparison score in a second, on all cores."""
    x, booster = grown_booster(transactions, schema)
    ours = len(x) / seconds(lambda: load_scorer(*model_bytes(booster)).score(x))
    theirs = len(x) / seconds(lambda: booster.inplace_predict(x, validate_features=False))
    name = f"scores of {len(x):,} rows, {booster.num_boosted_rounds()} trees, {os.cpu_count()} cores, loading included"
    return Line(
        name, f"{ours:,.0f} rows/s", f"{theirs:,.0f} rows/s (inplace_predict)", f"{ours / theirs:.2f} x", "0.9 x"
    )


def one_row(transactions: pl.DataFrame, schema: FeatureSchema) -> Line:
    """What the service waits for: one row by one thread, the median of many."""
    x, booster = grown_booster(transactions, schema)
    booster.set_param({"nthread": 1})
    score = load_scorer(*model_bytes(booster), threads=1).score
    ours = median_of_rows(score, x)
    theirs = median_of_rows(lambda row: booster.inplace_predict(row, validate_features=False), x)
    name = f"score of one row, {booster.num_boosted_rounds()} trees, the median"
    return Line(name, f"{ours:.0f} us", f"{theirs:.0f} us (inplace_predict)", f"{ours / theirs:.2f} x as long", "0.2 x")


def grown_booster(transactions: pl.DataFrame, schema: FeatureSchema) -> tuple[np.ndarray, xgboost.Booster]:
    """Return rows and a booster of the shipped size that learned from them."""
    rows = some_cards(transactions, min(ROWS, len(transactions)))
    x, y = model_matrix(build_features(rows, schema), schema), rows["label"].to_numpy()
    told = {"objective": "binary:logistic", "max_depth": DEPTH, "eta": 0.035, "min_child_weight": 0.1}
    return x, xgboost.train(told | {"colsample_bytree": 0.25}, xgboost.QuantileDMatrix(x, y), TREES)


def median_of_rows(score: Callable[[np.ndarray], object], x: np.ndarray) -> float:
    """Return the median of one row's time, in microseconds."""
    taken = []
    for at in range(min(REQUESTS, len(x))):
        start = time.perf_counter_ns()
        score(x[at : at + 1])
        taken.append(time.perf_counter_ns() - start)
    return float(np.median(taken)) / 1e3
