"""The reference that a release carries: its model's own rows in counts, and what its practice promised in the test."""

from __future__ import annotations

import polars as pl

from mlflow_fraud.core.features.batch import model_matrix
from mlflow_fraud.core.learning.split import BETWEEN, PARTS
from mlflow_fraud.core.measuring.metrics import Metrics
from mlflow_fraud.core.measuring.period import read_period
from mlflow_fraud.core.watching.expected import expect
from mlflow_fraud.core.watching.reference import Reference, columns_of, score_bins
from mlflow_fraud.paths import SHIPPED, part_file
from mlflow_fraud.stages.lineage import require_trained_on
from mlflow_fraud.stages.shipped import Shipped


def reference_of(challenger: Shipped) -> Reference:
    """Return the reference of what would go live; nobody's row is in it, only how many are where.

    Raises `DataError` where the features are no longer those that it was trained on.
    """
    trained, until = challenger.trained, challenger.shipping.learned_until
    for part in (*PARTS, BETWEEN):
        require_trained_on(SHIPPED, trained.lineage, part_file(part))
    parts = {part: pl.read_parquet(part_file(part)) for part in (*PARTS, BETWEEN)}
    learned = pl.concat(parts.values()).filter(pl.col("event_time") <= until)
    x = model_matrix(learned, trained.schema)
    features = {name: x[:, place] for place, name in enumerate(trained.schema.names)}
    scores, cuts = challenger.test["probability"].to_numpy(), challenger.test["threshold"].to_numpy()
    cards = read_period(parts["test"]).cards
    assessment = trained.assessment
    return Reference(
        rows=len(learned),
        since=learned["event_time"].min(),
        until=learned["event_time"].max(),
        columns=columns_of(features, learned["event_time"].dt.month().cast(pl.Int64).to_numpy()),
        score=score_bins(scores),
        expected=expect(scores, cuts, cards),
        bursts=_bursts(assessment.test),
        promised=assessment.intervals,
    )


def _bursts(test: Metrics) -> tuple[int, int] | None:
    """Return how many bursts of the test were caught, and how many there were; None where data has none."""
    number, share = test["bursts"], test["bursts_caught"]
    if number is None or share is None:
        return None
    return round(share * number), int(number)
