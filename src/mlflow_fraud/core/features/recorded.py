"""Recorded transactions as a service's past begins with them."""

from __future__ import annotations

import polars as pl

from mlflow_fraud.core.features.batch import TIME_ORDER, build_scores
from mlflow_fraud.core.features.reach import remembered
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.labels import told_at


def as_recorded(transactions: pl.DataFrame, schema: FeatureSchema) -> pl.DataFrame:
    """Return the transactions in time order, with what was told of each as `label` and `arrived`, or null.

    What silence says nobody told, so that a fraud which is told later is still in time. Where silence says it at once
    that makes no difference, and it is told.

    `scores`, a text of JSON, are those of an entity's last ones, which are looked back on however old they get; of the
    others it is null, since they can be worked out again as long as a window reaches them. Raises Polars' own error
    where a column of the contract is missing.
    """
    there = transactions.columns
    rows = transactions if "label" in there else transactions.with_columns(label=pl.lit(None, pl.Int8))
    rows = rows.sort(TIME_ORDER)
    asked = [c for c in schema.contract.kept if c.role not in ("label", "label_time")]
    columns = [c.name for c in asked if c.name in there or not c.optional]
    last = pl.any_horizontal(
        pl.lit(False),
        *(pl.int_range(pl.len(), dtype=pl.Int64).reverse().over(by) < back for by, back in remembered(schema).items()),
    )
    scores = build_scores(rows, schema)
    told = scores.select(pl.struct(pl.all()).struct.json_encode()).to_series() if scores.width else pl.lit(None)
    arrived = told_at(there, schema.label_delay, schema.silence or None)
    return rows.select(
        *columns,
        pl.when(arrived.is_not_null()).then("label").alias("label"),
        arrived.alias("arrived"),
        pl.when(last).then(told).alias("scores"),
    )
