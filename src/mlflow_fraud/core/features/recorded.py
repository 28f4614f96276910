"""Recorded transactions as a service's past begins with them."""

from __future__ import annotations

import polars as pl

from mlflow_fraud.core.features.batch import TIME_ORDER, build_scores
from mlflow_fraud.core.features.reach import remembered
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.labels import LABEL_TIME, arrival


def as_recorded(transactions: pl.DataFrame, schema: FeatureSchema) -> pl.DataFrame:
    """Return the transactions in time order, with what became known of each as `label` and `arrived`.

    `scores`, a text of JSON, are those of an entity's last ones, which are looked back on however old they get; of the
    others it is null, since they can be worked out again as long as a window reaches them. Raises Polars' own error
    where a column of the contract is missing.
    """
    rows = transactions.sort(TIME_ORDER)
    there = rows.columns
    asked = [c for c in schema.contract.kept if c.role not in ("label", "label_time")]
    columns = [c.name for c in asked if c.name in there or not c.optional]
    last = pl.any_horizontal(
        pl.lit(False),
        *(pl.int_range(pl.len(), dtype=pl.Int64).reverse().over(by) < back for by, back in remembered(schema).items()),
    )
    scores = build_scores(rows, schema)
    told = scores.select(pl.struct(pl.all()).struct.json_encode()).to_series() if scores.width else pl.lit(None)
    labels = pl.col("label") if "label" in there else pl.lit(None, pl.Int8)
    arrives = arrival([LABEL_TIME] if LABEL_TIME in there else [], schema.label_delay)
    return rows.select(
        *columns,
        labels.alias("label"),
        pl.when(labels.is_not_null()).then(arrives).alias("arrived"),  # where nothing was told nothing arrives
        pl.when(last).then(told).alias("scores"),
    )
