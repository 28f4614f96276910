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
from mlflow_fraud.core.features.batch import TIME_ORDER, build_scores
from mlflow_fraud.core.features.later import Later
from mlflow_fraud.core.features.reach import remembered, score_reach
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.progress import Progress


def remembered_before(past: RecordedPast, schema: FeatureSchema, since: datetime) -> list[dict[str, Any]]:
    """Return of each entity the last transactions before a moment that features look back on, in time order.

    They have the scores that they were served with, by name; null where there is none.
    """
    older = {
        (row["event_time"], row["event_id"]): row
        for by, back in remembered(schema).items()
        for row in past.last_before(since, by, back).to_dicts()
    }
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

    Under other features they were others.
    """
    rows = past.since(since - score_reach(schema), progress).sort(TIME_ORDER)
    later = Later(as_table(corrections, schema.contract)) if corrections else None
    scored = pl.concat([rows.drop("scores"), build_scores(rows, schema, later)], how="horizontal")
    return scored.filter(pl.col("event_time") >= since)
