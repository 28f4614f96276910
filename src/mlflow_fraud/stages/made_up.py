"""Rows of nobody that tell models apart: mixed from quantiles of features, chosen so that their scores spread."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.measuring.calibration import logarithms
from mlflow_fraud.core.ports import Scorer

ROWS = 16
"""How many are kept with a model."""

MIXED = 2_000
"""How many are made up to choose from."""

LEVELS = np.linspace(0.02, 0.98, 33)
"""Which quantiles: not the ends, as these are what one transaction had."""

SEED = 20

Row = tuple[float | None, ...]
Matrix = npt.NDArray[np.float32]


def made_up_rows(validation: pl.DataFrame, schema: FeatureSchema, scorer: Scorer) -> Iterator[Row]:
    """Give `ROWS` made-up rows by rising score, from the lowest that were found to the highest, by even steps.

    Each feature of a row is drawn by itself: a quantile of all transactions, or of the frauds, the more of the latter
    the further the row is made up to be one. So no row is anybody's, and the region of frauds is among them.
    """
    rows = _mixed(validation, schema, np.random.default_rng(SEED))
    below, above = logarithms(scorer.score(rows))
    odds = below - above
    order = np.argsort(odds, kind="stable")
    steps = np.searchsorted(odds[order], np.linspace(odds.min(), odds.max(), ROWS)).clip(0, MIXED - 1)
    for row in rows[order[steps]]:
        yield tuple(None if np.isnan(value) else float(value) for value in row)


def _mixed(validation: pl.DataFrame, schema: FeatureSchema, random: np.random.Generator) -> Matrix:
    every, frauds = (_quantiles(table, schema) for table in (validation, validation.filter(pl.col("label") == 1)))
    size = (MIXED, len(schema.names))
    columns, levels = np.arange(size[1]), random.integers(0, len(LEVELS), size)
    like_fraud = random.random(size) < random.random((MIXED, 1))
    rows = np.where(like_fraud, frauds[levels, columns], every[levels, columns])
    missing = np.array([validation[name].null_count() for name in schema.names]) / len(validation)
    return np.where(random.random(size) < missing, np.float32(np.nan), rows).astype(np.float32)


def _quantiles(table: pl.DataFrame, schema: FeatureSchema) -> Matrix:
    """Return each feature's quantiles, shape (levels, features); a feature that nobody has is missing."""
    return np.stack([_levels(table[name].drop_nulls().cast(pl.Float32)) for name in schema.names], axis=1)


def _levels(known: pl.Series) -> Matrix:
    if known.is_empty():
        return np.full(len(LEVELS), np.nan, np.float32)
    at = np.rint(LEVELS * (len(known) - 1)).astype(np.int64)
    return known.sort().to_numpy()[at]
