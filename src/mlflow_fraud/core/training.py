"""What a trained candidate is worth: its threshold from validation, its metrics from both periods."""

from __future__ import annotations

from typing import NamedTuple

from mlflow_fraud.core.candidates import Labels
from mlflow_fraud.core.metrics import Metrics, Probabilities, evaluate
from mlflow_fraud.core.strict import Strict
from mlflow_fraud.core.threshold import ThresholdRule, choose_threshold


class Scored(NamedTuple):
    """The labels of one period's rows and what the shipped model file gives them."""

    labels: Labels
    scores: Probabilities


class Assessment(Strict):
    """The content of a candidate's `metrics.json`."""

    validation: Metrics
    test: Metrics
    threshold: float


def assess(validation: Scored, test: Scored, rule: ThresholdRule) -> Assessment:
    """Return threshold and metrics; the test labels are read once, after the threshold is fixed."""
    threshold = choose_threshold(*validation, rule)
    return Assessment(
        validation=evaluate(*validation, threshold),
        test=evaluate(*test, threshold),
        threshold=threshold,
    )
