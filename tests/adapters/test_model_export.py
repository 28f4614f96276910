"""A fitted model has one sequence of bytes, and its file scores as it does."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import KBinsDiscretizer

from mlflow_fraud.adapters.model_export import model_bytes
from mlflow_fraud.adapters.model_file import load_scorer


def binned(c: float = 1.0) -> Pipeline:
    """Return a fitted logistic regression on bins; with a large `c` its probabilities go far towards 0 and 1."""
    x = np.random.default_rng(7).normal(size=(2000, 5)).astype(np.float32)
    bins = KBinsDiscretizer(20, encode="onehot", strategy="quantile", quantile_method="averaged_inverted_cdf")
    return make_pipeline(bins, LogisticRegression(C=c, max_iter=1000)).fit(x, x.sum(axis=1) > 2)


def test_the_operator_sets_of_a_model_are_listed_by_name_not_as_a_hash_seed_has_them() -> None:
    _, content = model_bytes(binned())
    domains = [opset.domain for opset in onnx.load_model_from_string(content).opset_import]
    assert len(domains) > 1
    assert domains == sorted(domains)


def test_the_smallest_probabilities_are_not_rounded_to_zero() -> None:
    pipeline = binned(c=10.0)
    rows = np.random.default_rng(8).normal(size=(500, 5)).astype(np.float32)
    expected = pipeline.predict_proba(rows)[:, 1]
    assert 0 < expected.min() < 1e-12
    found = load_scorer(*model_bytes(pipeline)).score(rows)
    np.testing.assert_allclose(np.log(found), np.log(expected), rtol=1e-5, atol=1e-5)


def grown(trees: int) -> Pipeline:
    """Return a fitted forest with many leaves of one class only."""
    x = np.random.default_rng(9).normal(size=(3000, 4)).astype(np.float32)
    forest = RandomForestClassifier(trees, max_depth=12, random_state=7)
    return make_pipeline(SimpleImputer(), forest).fit(x, (x.sum(axis=1) > 1).astype(np.int8))


FITTED = {
    "logistic": binned,
    "logistic of large coefficients": lambda: binned(c=1e4),
    "forest of 1": lambda: grown(1),
    "forest of 10": lambda: grown(10),
    "forest of 61": lambda: grown(61),
}


@pytest.mark.parametrize("name", FITTED)
def test_a_score_depends_on_no_order_neither_of_threads_nor_of_the_rows_beside(name: str) -> None:
    pipeline = FITTED[name]()
    file, content = model_bytes(pipeline)
    rows = np.random.default_rng(8).normal(size=(3000, pipeline.n_features_in_)).astype(np.float32)
    score = load_scorer(file, content, threads=1).score
    together = score(rows)
    for threads in (2, 3, 8):
        np.testing.assert_array_equal(load_scorer(file, content, threads=threads).score(rows), together)
    for size in (1, 7, 200):
        apart = [score(rows[start : start + size]) for start in range(0, 1000, size)]
        np.testing.assert_array_equal(np.concatenate(apart)[:1000], together[:1000])
    np.testing.assert_array_equal(score(rows[::-1])[::-1], together)


@pytest.mark.parametrize("name", FITTED)
def test_scores_of_the_file_are_those_of_the_fit_and_no_probability_is_over_1(name: str) -> None:
    pipeline = FITTED[name]()
    rows = np.random.default_rng(8).normal(size=(3000, pipeline.n_features_in_)).astype(np.float32)
    found, expected = load_scorer(*model_bytes(pipeline)).score(rows), pipeline.predict_proba(rows)[:, 1]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert found.min() >= 0
    assert found.max() <= 1
    labels = (rows.sum(axis=1) > 1).astype(int)
    if hasattr(pipeline[-1], "coef_"):
        expected = pipeline.decision_function(rows)  # probabilities in single precision end at 1
    assert average_precision_score(labels, found) == pytest.approx(average_precision_score(labels, expected), abs=1e-5)
