"""The part of a past that is settled: its window, and what is remembered from before that."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl

from mlflow_fraud.adapters.prediction_log.afterwards import as_table
from mlflow_fraud.adapters.prediction_log.entries import Corrected
from mlflow_fraud.adapters.prediction_log.past import RecordedPast
from mlflow_fraud.core.features.batch import TIME_ORDER, as_served, build_scores
from mlflow_fraud.core.features.definitions import Score, scores_looked_at, windows_behind
from mlflow_fraud.core.features.later import Later
from mlflow_fraud.core.features.reach import remembered, score_reach
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.progress import Progress


def remembered_before(past: RecordedPast, schema: FeatureSchema, since: datetime) -> list[dict[str, Any]]:
    """Return of each entity the last transactions before a moment that features look back on, in time order.

    Where windows move by hops those are among them that arrived from that moment on. They have the scores that they
    were served with, by name; null where there is none.
    """
    back = remembered(schema)
    found = [past.last_before(since, back)] if back else []
    if any(window.hop for window in windows_behind(schema.features)):
        found.append(past.came_late(since))
    older = {(row["event_time"], row["event_id"]): row for rows in found for row in rows.iter_rows(named=True)}
    return [_with_its_scores(older[key], schema) for key in sorted(older)]


def _with_its_scores(row: dict[str, Any], schema: FeatureSchema) -> dict[str, Any]:
    scores = row.pop("scores")
    return {**dict.fromkeys(schema.scores), **row, **(json.loads(scores) if scores else {})}


def window_since(
    past: RecordedPast,
    schema: FeatureSchema,
    since: datetime,
    corrections: Sequence[Corrected],
    progress: Progress = lambda line: None,
) -> pl.DataFrame:
    """Return the transactions from a moment on, in time order, with scores worked out anew.

    Under other features they were others. Those of windows that move by hops stay as they were served.
    """
    begin = since - score_reach(schema)
    rows = with_served(past.since(begin, progress), schema)
    late = with_served(past.came_late(begin), schema)
    whole = pl.concat([rows, late]).sort(TIME_ORDER)
    later = Later(as_table(corrections, schema.contract)) if corrections else None
    scores = build_scores(whole, schema, later)
    scored = pl.concat([whole.drop(scores.columns, strict=False), scores], how="horizontal")
    return scored.filter(pl.col("event_time") >= since)


def with_served(rows: pl.DataFrame, schema: FeatureSchema) -> pl.DataFrame:
    """Return recorded rows with their scores of windows that move by hops as they were served, in place of `scores`.

    What was usual is beside those that features look at.
    """
    looked_at = scores_looked_at(schema.features)
    for score in (each for each in schema.features if isinstance(each, Score) and each.hop is not None):
        usual = (score.mean.name, score.std.name) if score in looked_at else ()
        served = {score.name: pl.Int64(), **dict.fromkeys(usual, pl.Float64())}
        told = pl.col("scores").str.json_decode(pl.Struct(served)).struct
        rows = rows.with_columns(
            pl.col("scores").str.contains(f'"{score.name}":', literal=True).fill_null(False).alias(as_served(score)),
            *(told.field(name) for name in served),
        )
    return rows.drop("scores")
