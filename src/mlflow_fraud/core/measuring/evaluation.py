"""Every metric that we report of a model on a period, and which way is better."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from mlflow_fraud.core.measuring.alerts import card_precision_at_k, recall_at_budget
from mlflow_fraud.core.measuring.compromise import burst_metrics
from mlflow_fraud.core.measuring.cost import CostRule, expected_cost
from mlflow_fraud.core.measuring.metrics import Metrics, Probabilities, Thresholds, brier, calibration_error, confusion
from mlflow_fraud.core.measuring.period import Period

HIGHER_IS_BETTER = (
    *("f1", "precision", "recall", "average_precision", "roc_auc"),
    *("card_precision_at_k", "recall_at_budget", "bursts_caught", "money_saved"),
)
LOWER_IS_BETTER = (
    *("brier", "calibration_error", "alerts_per_day", "expected_cost"),
    *("frauds_before_alert", "money_before_alert"),
)
COUNTS = ("frauds", "rows", "bursts", "alert_budget", "card_precision_at_k_best")
"""Said of the period, not of the model."""


def evaluate(period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Metrics:
    """Return every metric; one that is not defined is None, as one that needs both classes where one is absent.

    `docs/metrics.md` defines each. Everything at or over `threshold` is flagged. Of scores that are not all numbers
    nothing is defined, and without a budget nothing that asks how many alerts are looked into.
    """
    if np.isfinite(scores).all() and np.isfinite(threshold).all():
        return _measured(period, scores, threshold, costs)
    counted = _measured(period, np.zeros(len(scores)), 0.5, costs)
    return {name: value if name in COUNTS else None for name, value in counted.items()}


def _measured(period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Metrics:
    labels, flags, budget = period.labels, scores >= threshold, costs.alerts_per_day
    counts = confusion(labels, scores, threshold)
    some, both = len(labels) > 0, 0 < counts.frauds < len(labels)
    return {
        "f1": counts.f1,
        "precision": counts.precision,
        "recall": counts.recall,
        "average_precision": float(average_precision_score(labels, scores)) if both else None,
        "roc_auc": float(roc_auc_score(labels, scores)) if both else None,
        "brier": brier(labels, scores) if some else None,
        "calibration_error": calibration_error(labels, scores) if some else None,
        "frauds": counts.frauds,
        "rows": len(labels),
        "alert_budget": budget,
        "card_precision_at_k": card_precision_at_k(period, scores, budget) if budget else None,
        "card_precision_at_k_best": card_precision_at_k(period, labels.astype(float), budget) if budget else None,
        "recall_at_budget": recall_at_budget(period, scores, budget) if budget else None,
        "alerts_per_day": float(flags.sum()) / period.days if some else None,
        "expected_cost": expected_cost(period, flags, costs),
        **burst_metrics(period, flags, costs.burst_gap),
    }


def gain(metric: str, before: float, after: float) -> float:
    """Return how much better `after` is: what is lost is negative, also where lower is better.

    >>> gain("recall", 0.5, 0.75), gain("expected_cost", 20.0, 25.0)
    (0.25, -5.0)
    """
    return before - after if metric in LOWER_IS_BETTER else after - before
