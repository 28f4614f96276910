"""A fitted model has one sequence of bytes."""

from __future__ import annotations

import numpy as np
import onnx
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer

from mlflow_fraud.adapters.model_export import model_bytes


def test_the_operator_sets_of_a_model_are_listed_by_name_not_as_a_hash_seed_has_them() -> None:
    x = np.random.default_rng(7).normal(size=(200, 3)).astype(np.float32)
    bins = KBinsDiscretizer(4, encode="onehot", strategy="quantile", quantile_method="averaged_inverted_cdf")
    _, content = model_bytes(make_pipeline(bins, LogisticRegression()).fit(x, x[:, 0] > 0))
    domains = [opset.domain for opset in onnx.load_model_from_string(content).opset_import]
    assert len(domains) > 1
    assert domains == sorted(domains)
