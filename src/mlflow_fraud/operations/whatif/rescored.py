"""Payments of the record as another release scores them: of features as they were served, or made again of the past."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from mlflow_fraud.adapters.model_file import load_released
from mlflow_fraud.adapters.prediction_log.past import RecordedPast
from mlflow_fraud.adapters.release_files import schema_of
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.release.release import Release
from mlflow_fraud.operations.monitoring.recorded import read_recorded
from mlflow_fraud.operations.record.opened import opened
from mlflow_fraud.operations.record.remade import looks_back_to, remade


def rescored(rows: pl.DataFrame, release: Release, now: datetime) -> pl.DataFrame:
    """Return those of the rows that the release has not learned, with its `probability` and `threshold`.

    What it answered itself counts as it was given. Raises `DataError` where it reads other features than were served,
    and the record does not reach back far enough to make them.
    """
    given = read_recorded(release, now).rows.select("event_id", "probability", "threshold")
    found = rows.join(given, on="event_id", how="inner", maintain_order="left")
    lacking = found["probability"].is_null()
    if not lacking.any():
        return found
    made = _of_remade(found.filter(lacking), release)
    return found.join(made, on="event_id", how="left", maintain_order="left").with_columns(
        pl.coalesce("probability", "_made").alias("probability")
    )


def _of_remade(rows: pl.DataFrame, release: Release) -> pl.DataFrame:
    """Return by `event_id` what the release gives to its own features, made of what the record holds now."""
    schema, manifest = schema_of(release), release.manifest
    with opened() as log:
        past = RecordedPast(log, schema.contract, log.last_place())
        _require_reach(past, rows, schema, manifest.version)
        features = remade(past, schema, rows.select("event_id", "event_time"))
    scores = load_released(manifest, release.files).score(features)
    return rows.select("event_id").with_columns(_made=pl.Series(scores))


def _require_reach(past: RecordedPast, rows: pl.DataFrame, schema: FeatureSchema, version: str) -> None:
    since: datetime = rows["event_time"].min()  # type: ignore[assignment]
    begin = looks_back_to(schema, since)
    if not past.reaches_before(begin):
        raise DataError(
            f"{version} reads other features than were served, and these look back to {begin}, which the record does "
            "not reach; `mlflow-fraud record seed --add` brings the pinned history into it, or judge this release on "
            "the test period: --test-period"
        )
