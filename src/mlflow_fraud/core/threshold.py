"""From which probability on a transaction is flagged: chosen on validation, frozen in the release."""

from __future__ import annotations

from typing import Literal

import numpy as np

from mlflow_fraud.core.candidates import Labels
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.metrics import Probabilities
from mlflow_fraud.core.strict import Strict


class ThresholdRule(Strict):
    """The section `threshold` of `params.yaml`."""

    policy: Literal["max-f1"]


def choose_threshold(labels: Labels, scores: Probabilities, rule: ThresholdRule) -> float:
    """Return the score at which flagging it and everything above gives the best F1.

    Raises `DataError` when validation holds no fraud: every threshold would be as good.

    >>> labels, scores = np.array([0, 1, 0, 1], np.int8), np.array([0.1, 0.9, 0.2, 0.6])
    >>> choose_threshold(labels, scores, ThresholdRule(policy="max-f1"))
    0.6
    """
    frauds = int(labels.sum())
    if frauds == 0:
        raise DataError("validation holds no fraud, so no threshold can be chosen; make validation_days longer")
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    hits = np.cumsum(labels[order], dtype=np.int64)
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + frauds)
    f1[:-1][ranked[:-1] == ranked[1:]] = 0  # a threshold cannot pass between equal scores
    return float(ranked[int(np.argmax(f1))])
