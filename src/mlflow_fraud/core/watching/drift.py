"""How far a window's properties have moved from those that the model was trained on."""

from __future__ import annotations

import numpy as np
import polars as pl

from mlflow_fraud.core.features.definitions import Row
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.measuring.stability import population_stability_index


def watched_features(schema: FeatureSchema) -> list[str]:
    """Return the names of the features that are properties of the transactions themselves, not of a past."""
    return [feature.name for feature in schema.features if isinstance(feature, Row)]


def drifts(trained: pl.DataFrame, window: pl.DataFrame) -> dict[str, float]:
    """Return the PSI of each column of `trained` in the window, to six digits; of no rows nothing."""
    if window.is_empty():
        return {}
    before, now = trained.fill_null(np.nan), window.select(trained.columns).fill_null(np.nan)
    return {
        name: round(population_stability_index(before[name].to_numpy(), now[name].to_numpy()), 6)
        for name in trained.columns
    }
