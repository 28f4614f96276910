"""A fitted model has one sequence of bytes, and its file scores as it does."""

from __future__ import annotations

import numpy as np
import onnx
from sklearn.linear_model import LogisticRegression
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
