"""Labels as the batch engine sees them: running totals in the order of arrival, read at both ends of a window."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mlflow_fraud.core.features.definitions import Entities, Labels
from mlflow_fraud.core.features.facts import AT, SEEN, start, totals
from mlflow_fraud.core.features.past_expressions import mean_expression
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.labels import arrival


def with_labels(
    rows: pl.LazyFrame,
    by: Entities,
    labels: Sequence[Labels],
    transactions: pl.LazyFrame,
    schema: FeatureSchema,
    told: pl.DataFrame | None = None,
) -> pl.LazyFrame:
    """Add the label statistics of one entity; a label counts from after its arrival on.

    `told` are the labels with their arrival, where the transactions' own do not count. Of several of one transaction
    each counts until the next one arrives.
    """
    known = _own(transactions, by, schema) if told is None else _told(transactions, by, told)
    arrivals = (
        known.select(*by, "label", "arrived")
        .sort("arrived")
        .with_columns(
            pl.int_range(1, pl.len() + 1).over(by).alias("labels"),
            pl.col("label").cast(pl.Int64).cum_sum().over(by).alias("frauds"),
        )
        .drop("label")
    )
    taken_back = None if told is None else _taken_back(known, by)
    for span in dict.fromkeys(label.span for label in labels):
        until, since = _totals(rows, arrivals, by, pl.col("event_time")), _totals(rows, arrivals, by, start(span))
        counts = [until, since.rename({"labels": "labels_before", "frauds": "frauds_before"})]
        count = pl.col("labels") - pl.col("labels_before")
        frauds = pl.col("frauds") - pl.col("frauds_before")
        if taken_back is not None:
            counts.append(totals(rows.select(*by, "event_time").collect(), taken_back, by, span).lazy())
            count, frauds = count - pl.col("labels_back"), frauds - pl.col("frauds_back")
        statistics = {"labels": count, "frauds": frauds, "fraud_rate": mean_expression(frauds, count)}
        wanted = [label for label in labels if label.span == span]
        found = pl.concat(counts, how="horizontal").select(statistics[w.statistic].alias(w.name) for w in wanted)
        rows = pl.concat([rows, found], how="horizontal")
    return rows


def _own(transactions: pl.LazyFrame, by: Entities, schema: FeatureSchema) -> pl.LazyFrame:
    arrives = arrival(transactions.collect_schema().names(), schema.label_delay)
    return transactions.select(*by, "label", arrives.alias("arrived")).drop_nulls()


def _told(transactions: pl.LazyFrame, by: Entities, told: pl.DataFrame) -> pl.LazyFrame:
    """Return the labels in the order of their arrival, with the instant from after which the next one is seen."""
    labels = told.lazy().select("event_id", "label", "arrived").drop_nulls().sort("arrived", maintain_order=True)
    followed = labels.with_columns(pl.col("arrived").shift(-1).over("event_id").alias(SEEN))
    return followed.join(transactions.select("event_id", *by).drop_nulls(), on="event_id")


def _taken_back(known: pl.LazyFrame, by: Entities) -> pl.DataFrame:
    """Return those labels that others follow, as facts of their own arrival that are seen from the next one's on."""
    return (
        known.filter(pl.col(SEEN).is_not_null())
        .select(
            *by,
            pl.col("arrived").alias(AT),
            SEEN,
            pl.lit(1, pl.Int64).alias("labels_back"),
            pl.col("label").cast(pl.Int64).alias("frauds_back"),
        )
        .collect()
    )


def _totals(rows: pl.LazyFrame, arrivals: pl.LazyFrame, by: Entities, end: pl.Expr) -> pl.LazyFrame:
    """Return how many labels, and how many of fraud, had arrived before `end` for each row's entity."""
    return (
        rows.select(*by, end.alias("end"))
        .join_asof(
            arrivals, left_on="end", right_on="arrived", by=list(by), allow_exact_matches=False, check_sortedness=False
        )
        .select(pl.col("labels", "frauds").fill_null(0))
    )
