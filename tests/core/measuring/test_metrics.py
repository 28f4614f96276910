"""Our own metrics agree with the library's where it has them, and with arithmetic where it has not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score

from mlflow_fraud.core.measuring.metrics import (
    calibration_error,
    confusion,
    precision_recall_points,
    reliability_points,
)
from mlflow_fraud.core.measuring.stability import population_stability_index

judged = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=2, max_size=80).map(
    lambda rows: (np.array([y for y, _ in rows], np.int8), np.array([s / 20 for _, s in rows]))
)


@given(judged, st.floats(0, 1))
def test_counts_agree_with_scikit_learn(rows: tuple[np.ndarray, np.ndarray], threshold: float) -> None:
    labels, scores = rows
    counts, flagged = confusion(labels, scores, threshold), scores >= threshold
    expected = (
        f1_score(labels, flagged) if labels.any() else None,
        precision_score(labels, flagged) if flagged.any() else None,
        recall_score(labels, flagged) if labels.any() else None,
    )
    assert (counts.f1, counts.precision, counts.recall) == pytest.approx(expected)


def test_without_fraud_or_rows_there_is_no_curve() -> None:
    assert precision_recall_points(np.zeros(3, np.int8), np.array([0.1, 0.2, 0.2])) == []
    assert precision_recall_points(np.empty(0, np.int8), np.empty(0)) == []


def test_the_curve_is_thinned_and_keeps_its_ends() -> None:
    draw = np.random.default_rng(0)
    labels = (draw.random(5000) < 0.2).astype(np.int8)
    points = precision_recall_points(labels, draw.random(5000), points=50)
    assert len(points) <= 50
    assert points[-1]["recall"] == 1.0


@given(judged)
def test_scores_that_say_one_share_for_all_are_off_by_the_gap_to_it(rows: tuple[np.ndarray, np.ndarray]) -> None:
    labels, _ = rows
    said = np.full(len(labels), 0.25)
    assert calibration_error(labels, said) == pytest.approx(abs(0.25 - labels.mean()))


def test_the_calibration_error_is_near_zero_for_true_probabilities_and_sees_the_few_high_ones() -> None:
    draw = np.random.default_rng(0)
    true = np.where(np.arange(200_000) < 1000, 0.6, 0.001)
    labels = (draw.random(200_000) < true).astype(np.int8)
    assert calibration_error(labels, true) < 0.0004
    assert calibration_error(labels, np.where(true > 0.5, 0.2, true)) == pytest.approx(0.4 * 1000 / 200_000, rel=0.2)


@given(judged, st.permutations(range(10)))
def test_the_calibration_error_does_not_depend_on_the_order_of_the_rows(
    rows: tuple[np.ndarray, np.ndarray], keys: list[int]
) -> None:
    labels, scores = rows
    order = np.argsort([keys[place % 10] for place in range(len(labels))], kind="stable")
    assert calibration_error(labels[order], scores[order]) == pytest.approx(calibration_error(labels, scores))


@given(judged)
def test_the_reliability_diagram_counts_every_row_and_every_fraud(rows: tuple[np.ndarray, np.ndarray]) -> None:
    labels, scores = rows
    points = reliability_points(labels, scores)
    assert sum(point["rows"] for point in points) == len(labels)
    assert sum(point["rows"] * point["fraud"] for point in points) == pytest.approx(labels.sum())


def test_drift_grows_with_the_shift_and_sees_missing_values() -> None:
    reference = np.random.default_rng(0).normal(size=5000).astype(np.float32)
    small, large = (population_stability_index(reference, reference + shift) for shift in (0.1, 1.0))
    assert 0 < small < 0.1 < 0.25 < large
    gone = reference.copy()
    gone[:2000] = np.nan
    assert population_stability_index(reference, gone) > 0.25
