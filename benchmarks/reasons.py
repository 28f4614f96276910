"""What the exact reasons of one score cost, against the score itself."""

from __future__ import annotations

import polars as pl

from benchmarks.scoring import grown_booster, median_of_rows
from benchmarks.table import Line
from mlflow_fraud.adapters.booster_library import BoosterLibrary
from mlflow_fraud.adapters.explanation import Trees
from mlflow_fraud.adapters.model_export import booster_bytes, model_bytes
from mlflow_fraud.adapters.model_file import load_scorer
from mlflow_fraud.core.explaining.reasons import reasons_of
from mlflow_fraud.core.explaining.vocabulary import vocabulary_of
from mlflow_fraud.core.features.schema import FeatureSchema

ROWS = 100


def of_one_row(transactions: pl.DataFrame, schema: FeatureSchema) -> Line:
    """What the thread behind the answers takes for an alert: the median of many."""
    x, booster = grown_booster(transactions, schema)
    score = load_scorer(*model_bytes(booster), threads=1).score
    trees, vocabulary = Trees(BoosterLibrary(booster_bytes(booster))), vocabulary_of(schema)
    ours = median_of_rows(
        lambda row: reasons_of(trees.contributions(row[0]), vocabulary, schema.names).model_dump_json(), x[:ROWS]
    )
    theirs = median_of_rows(score, x[:ROWS])
    name = f"reasons of one row (TreeSHAP), {booster.num_boosted_rounds()} trees, the median"
    return Line(name, f"{ours / 1e3:.1f} ms", f"{theirs:.0f} us (the score)", f"{ours / theirs:.0f} x as long")
