"""Labels as the batch engine sees them: running totals in the order of arrival, read at both ends of a window."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mlflow_fraud.core.features.definitions import Entities, Labels
from mlflow_fraud.core.features.facts import AT, SEEN, start, totals
from mlflow_fraud.core.features.past_expressions import mean_expression
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.labels import silence_speaks, told_at


def with_labels(
    rows: pl.LazyFrame,
    by: Entities,
    labels: Sequence[Labels],
    transactions: pl.LazyFrame,
    schema: FeatureSchema,
    told: pl.DataFrame | None = None,
) -> pl.LazyFrame:
    """Add the label statistics of one entity; a label counts from after its arrival on, and so does silence.

    `told` are the labels with their arrival, where the transactions' own do not count. Of several of one transaction
    each counts until the next one arrives, and silence until the first one does.
    """
    known = _own(transactions, by, schema) if told is None else _told(transactions, by, told, schema)
    arrivals = (
        known.select(*by, "label", "arrived")
        .sort("arrived")
        .with_columns(
            pl.int_range(1, pl.len() + 1).over(by).alias("labels"),
            pl.col("label").cast(pl.Int64).cum_sum().over(by).alias("frauds"),
        )
        .drop("label")
    )
    taken_back = None if told is None and schema.silence is None else _taken_back(known, by)
    if taken_back is not None and taken_back.is_empty():
        taken_back = None
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
    """Return the transactions' own labels and what silence says, each with what follows it as `_told` has it."""
    arrives = told_at(transactions.collect_schema().names(), schema.label_delay, schema.silence)
    payments = transactions.select(*by, "event_time", "label", arrives.alias("arrived"))
    labels = payments.select(*by, "label", "arrived", pl.lit(None, pl.Datetime("us")).alias(SEEN))
    return _and_silence(labels, payments, by, pl.col("arrived"), schema).drop_nulls([*by, "label", "arrived"])


def _told(transactions: pl.LazyFrame, by: Entities, told: pl.DataFrame, schema: FeatureSchema) -> pl.LazyFrame:
    """Return the labels in the order of their arrival, with the instant from after which the next one is seen."""
    payments = transactions.select("event_id", "event_time", *by).drop_nulls()
    labels = told.lazy().select("event_id", "label", "arrived").drop_nulls().sort("arrived", maintain_order=True)
    followed = labels.with_columns(pl.col("arrived").shift(-1).over("event_id").alias(SEEN))
    first = labels.group_by("event_id").agg(pl.col("arrived").min().alias("first"))
    known = followed.join(payments, on="event_id").select(*by, "label", "arrived", SEEN)
    return _and_silence(known, payments.join(first, on="event_id", how="left"), by, pl.col("first"), schema)


def _and_silence(
    labels: pl.LazyFrame, payments: pl.LazyFrame, by: Entities, first: pl.Expr, schema: FeatureSchema
) -> pl.LazyFrame:
    """Add what silence says of payments whose `first` label arrives too late for it, or never."""
    if schema.silence is None:
        return labels
    speaks = payments.filter(silence_speaks(first, schema.silence))
    due = (pl.col("event_time") + schema.silence).alias("arrived")
    said = speaks.select(*by, pl.lit(0, pl.Int8).alias("label"), due, first.alias(SEEN))
    return pl.concat([labels, said], how="vertical_relaxed")


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
