"""Our own metrics agree with the library's where it has them, and with arithmetic where it has not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score

from mlflow_fraud.core.drift import population_stability_index
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.interval import BootstrapRule, f1_difference
from mlflow_fraud.core.metrics import confusion, evaluate, precision_recall_points
from mlflow_fraud.core.threshold import ThresholdRule, choose_threshold

RULE = ThresholdRule(policy="max-f1")
judged = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=2, max_size=80).map(
    lambda rows: (np.array([y for y, _ in rows], np.int8), np.array([s / 20 for _, s in rows]))
)


@given(judged, st.floats(0, 1))
def test_counts_agree_with_scikit_learn(rows: tuple[np.ndarray, np.ndarray], threshold: float) -> None:
    labels, scores = rows
    counts, flagged = confusion(labels, scores, threshold), scores >= threshold
    assert counts.f1 == pytest.approx(f1_score(labels, flagged, zero_division=0))
    assert counts.precision == pytest.approx(precision_score(labels, flagged, zero_division=0))
    assert counts.recall == pytest.approx(recall_score(labels, flagged, zero_division=0))


@given(judged.filter(lambda rows: rows[0].sum() > 0))
def test_no_threshold_has_a_better_f1_than_the_chosen_one(rows: tuple[np.ndarray, np.ndarray]) -> None:
    labels, scores = rows
    best = confusion(labels, scores, choose_threshold(labels, scores, RULE)).f1
    assert best == pytest.approx(max(confusion(labels, scores, t).f1 for t in np.unique(scores)))


def test_validation_without_fraud_gives_no_threshold() -> None:
    with pytest.raises(DataError, match="holds no fraud"):
        choose_threshold(np.zeros(5, np.int8), np.linspace(0, 1, 5), RULE)


def test_a_metric_that_needs_both_classes_is_missing_without_them() -> None:
    metrics = evaluate(np.zeros(5, np.int8), np.linspace(0, 1, 5), 0.5)
    assert metrics["average_precision"] is None
    assert metrics["roc_auc"] is None


def test_the_curve_is_thinned_and_keeps_its_ends() -> None:
    draw = np.random.default_rng(0)
    labels = (draw.random(5000) < 0.2).astype(np.int8)
    points = precision_recall_points(labels, draw.random(5000), points=50)
    assert len(points) <= 50
    assert points[-1]["recall"] == 1.0


def test_a_model_against_itself_gains_exactly_nothing() -> None:
    draw = np.random.default_rng(0)
    labels, flags = (draw.random(500) < 0.3).astype(np.int8), draw.random(500) < 0.5
    same = f1_difference(labels, np.arange(500) % 40, flags, flags, BootstrapRule())
    assert (same.estimate, same.lower, same.upper) == (0.0, 0.0, 0.0)


def test_a_clearly_better_model_has_its_whole_interval_above_zero_and_the_seed_fixes_it() -> None:
    draw = np.random.default_rng(0)
    labels = (draw.random(5000) < 0.1).astype(np.int8)
    perfect, coin = labels == 1, draw.random(5000) < 0.5
    once = f1_difference(labels, np.arange(5000) % 200, perfect, coin, BootstrapRule())
    assert once.lower > 0.5
    assert once == f1_difference(labels, np.arange(5000) % 200, perfect, coin, BootstrapRule())


def test_drift_grows_with_the_shift_and_sees_missing_values() -> None:
    reference = np.random.default_rng(0).normal(size=5000).astype(np.float32)
    small, large = (population_stability_index(reference, reference + shift) for shift in (0.1, 1.0))
    assert 0 < small < 0.1 < 0.25 < large
    gone = reference.copy()
    gone[:2000] = np.nan
    assert population_stability_index(reference, gone) > 0.25
