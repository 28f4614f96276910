"""Labels as the batch engine sees them: running totals in the order of arrival, read at both ends of a window."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mlflow_fraud.core.features.definitions import TODAY, Entities, Labels, span_of
from mlflow_fraud.core.features.past_expressions import MIDNIGHT, mean_expression
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.labels import arrival


def with_labels(
    rows: pl.LazyFrame, by: Entities, labels: Sequence[Labels], transactions: pl.LazyFrame, schema: FeatureSchema
) -> pl.LazyFrame:
    """Add the label statistics of one entity; a label counts from after its arrival on."""
    arrivals = (
        transactions.select(
            *by, "label", arrival(transactions.collect_schema().names(), schema.label_delay).alias("arrived")
        )
        .drop_nulls()
        .sort("arrived")
        .with_columns(
            pl.int_range(1, pl.len() + 1).over(by).alias("labels"),
            pl.col("label").cast(pl.Int64).cum_sum().over(by).alias("frauds"),
        )
        .drop("label")
    )
    for span in dict.fromkeys(label.span for label in labels):
        start = pl.col(MIDNIGHT) if span == TODAY else pl.col("event_time") - span_of(span)
        until, since = _totals(rows, arrivals, by, pl.col("event_time")), _totals(rows, arrivals, by, start)
        counts = pl.concat(
            [until, since.rename({"labels": "labels_before", "frauds": "frauds_before"})], how="horizontal"
        )
        count = pl.col("labels") - pl.col("labels_before")
        frauds = pl.col("frauds") - pl.col("frauds_before")
        statistics = {"labels": count, "frauds": frauds, "fraud_rate": mean_expression(frauds, count)}
        wanted = [label for label in labels if label.span == span]
        rows = pl.concat([rows, counts.select(statistics[w.statistic].alias(w.name) for w in wanted)], how="horizontal")
    return rows


def _totals(rows: pl.LazyFrame, arrivals: pl.LazyFrame, by: Entities, end: pl.Expr) -> pl.LazyFrame:
    """Return how many labels, and how many of fraud, had arrived before `end` for each row's entity."""
    return (
        rows.select(*by, end.alias("end"))
        .join_asof(
            arrivals, left_on="end", right_on="arrived", by=list(by), allow_exact_matches=False, check_sortedness=False
        )
        .select(pl.col("labels", "frauds").fill_null(0))
    )
