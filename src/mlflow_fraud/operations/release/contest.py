"""A contestant on the test rows: scored with its own file, features, calibration and threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import polars as pl

from mlflow_fraud.adapters.model_file import load_released
from mlflow_fraud.adapters.release_files import schema_of
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.batch import build_features, model_matrix
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.measuring.cost import CostRule
from mlflow_fraud.core.measuring.evaluation import evaluate
from mlflow_fraud.core.measuring.metrics import Metrics, Probabilities
from mlflow_fraud.core.measuring.period import read_period
from mlflow_fraud.core.release.release import Release
from mlflow_fraud.operations.release.challenger import release_version
from mlflow_fraud.paths import TRANSACTIONS, part_file
from mlflow_fraud.stages.lineage import require_trained_on
from mlflow_fraud.stages.trained import TrainedCandidate


@dataclass(frozen=True)
class Contestant:
    """A release, or what would become one, with its metrics on the shared test rows."""

    version: str
    candidate: str
    threshold: float
    metrics: Metrics


class Entry(NamedTuple):
    """A contestant and what it gives each of the test rows."""

    contestant: Contestant
    scores: Probabilities


def enter_challenger(challenger: TrainedCandidate, test: pl.DataFrame, costs: CostRule) -> Entry:
    """Score the trained candidate on `test`, which holds its features: those that it was trained on."""
    require_trained_on(challenger.name, challenger.lineage, part_file("test"))
    scores = challenger.scorer.score(model_matrix(test, challenger.schema))
    threshold = challenger.assessment.threshold
    period = read_period(test, decimals=challenger.schema.contract.currency_decimals)
    metrics = evaluate(period, scores, threshold, costs)
    return Entry(Contestant(release_version(challenger), challenger.name, threshold, metrics), scores)


def enter_champion(champion: Release, test: pl.DataFrame, schema: FeatureSchema, costs: CostRule) -> Entry:
    """Score the live release as it would score itself; `schema` is that of the features in `test`.

    Raises `DataError` when the data no longer has what the release's features are made from.
    """
    manifest = champion.manifest
    own = schema_of(champion)
    rows = test if own.sha256 == schema.sha256 else _features_of(own, test, manifest.version)
    scores = load_released(manifest, champion.files).score(model_matrix(rows, own))
    period = read_period(test, decimals=schema.contract.currency_decimals)
    metrics = evaluate(period, scores, manifest.threshold, costs)
    return Entry(Contestant(manifest.version, manifest.candidate, manifest.threshold, metrics), scores)


def _features_of(schema: FeatureSchema, test: pl.DataFrame, version: str) -> pl.DataFrame:
    """Return the test rows with the features of another schema, made from the whole history."""
    transactions = pl.read_parquet(TRANSACTIONS)
    try:
        features = build_features(transactions, schema).with_columns(transactions["event_id"].alias("event_id"))
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"the features of the live release {version} cannot be made from this data: {str(error).splitlines()[0]}"
        ) from error
    return test.select("event_id").join(features, on="event_id", how="left", maintain_order="left")
