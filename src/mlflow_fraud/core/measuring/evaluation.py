"""Every metric that we report of a model on a period, and which way is better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mlflow_fraud.core.measuring.alerts import card_precision_at_k, recall_at_budget
from mlflow_fraud.core.measuring.compromise import burst_metrics
from mlflow_fraud.core.measuring.cost import CostRule, expected_cost
from mlflow_fraud.core.measuring.metrics import Metrics, Probabilities, Thresholds, brier, calibration_error, confusion
from mlflow_fraud.core.measuring.period import Period
from mlflow_fraud.core.measuring.weights import Weights, effective_rows

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
WEIGHED = ("effective_rows", "capped_rows", "capped_share")
"""Said, too, of a period of which only some payments were looked into."""
CAPPED = ("f1", "precision", "recall", "average_precision", "expected_cost")
"""Metrics of which it is said how far the cap moves them, as `<name>_cap_bias`."""


def evaluate(period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Metrics:
    """Return every metric; one that is not defined is None, as one that needs both classes where one is absent.

    `docs/metrics.md` defines each. Everything at or over `threshold` is flagged. Of scores that are not all numbers
    nothing is defined, and without a budget nothing that asks how many alerts are looked into.

    Of weighted rows each metric is an estimate for all payments, by weighted sums and their ratios (see `Weights`);
    what the cap does to it stands beside it. `rows` and `frauds` stay those that were looked into.
    """
    if np.isfinite(scores).all() and np.isfinite(threshold).all():
        measured = _measured(period, scores, threshold, costs)
        if period.weights is None:
            return measured
        free = _measured(replace(period, weights=period.weights.uncapped), scores, threshold, costs)
        return measured | _of_weights(period.weights) | _cap_bias(measured, free)
    counted = evaluate(period, np.zeros(len(scores)), 0.5, costs)
    return {name: value if name in (*COUNTS, *WEIGHED) else None for name, value in counted.items()}


def _measured(period: Period, scores: Probabilities, threshold: Thresholds, costs: CostRule) -> Metrics:
    from sklearn.metrics import average_precision_score, roc_auc_score  # a second, which who measures nothing saves

    labels, flags, budget = period.labels, scores >= threshold, costs.alerts_per_day
    each, frauds = period.stands_for, int(period.fraud.sum())
    counts = confusion(labels, scores, threshold, each)
    some, both = len(labels) > 0, 0 < frauds < len(labels)
    return {
        "f1": counts.f1,
        "precision": counts.precision,
        "recall": counts.recall,
        "average_precision": float(average_precision_score(labels, scores, sample_weight=each)) if both else None,
        "roc_auc": float(roc_auc_score(labels, scores, sample_weight=each)) if both else None,
        "brier": brier(labels, scores, each) if some else None,
        "calibration_error": calibration_error(labels, scores, each) if some else None,
        "frauds": frauds,
        "rows": len(labels),
        "alert_budget": budget,
        "card_precision_at_k": card_precision_at_k(period, scores, budget) if budget else None,
        "card_precision_at_k_best": card_precision_at_k(period, labels.astype(float), budget) if budget else None,
        "recall_at_budget": recall_at_budget(period, scores, budget) if budget else None,
        "alerts_per_day": float(period.counted(flags).sum()) / period.days if some else None,
        "expected_cost": expected_cost(period, flags, costs),
        **burst_metrics(period, flags, costs.burst_gap),
    }


def _of_weights(weights: Weights) -> Metrics:
    return {
        "effective_rows": effective_rows(weights.values),
        "capped_rows": int(weights.capped.sum()),
        "capped_share": weights.lost,
    }


def _cap_bias(held: Metrics, free: Metrics) -> Metrics:
    """Return how far estimates are from those that no cap holds back, which have no bias and spread more."""
    pairs = {name: (held[name], free[name]) for name in CAPPED}
    return {
        f"{name}_cap_bias": None if ours is None or theirs is None else ours - theirs
        for name, (ours, theirs) in pairs.items()
    }


def gain(metric: str, before: float, after: float) -> float:
    """Return how much better `after` is: what is lost is negative, also where lower is better.

    >>> gain("recall", 0.5, 0.75), gain("expected_cost", 20.0, 25.0)
    (0.25, -5.0)
    """
    return before - after if metric in LOWER_IS_BETTER else after - before
