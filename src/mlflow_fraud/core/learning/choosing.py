"""Which of the candidates goes on: the best on validation, in which the test has no say."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.measuring.evaluation import gain
from mlflow_fraud.core.measuring.metrics import Metrics, defined


def select(validation: Mapping[str, Metrics], by: str) -> str:
    """Return the candidate with the best validation metric; the first in the list wins a tie.

    One in which the metric is not defined never wins; raises `DataError` where it is defined in none.

    >>> select({"forest": {"f1": 0.7}, "xgboost": {"f1": 0.9}}, "f1")
    'xgboost'
    >>> select({"forest": {"brier": 0.02}, "xgboost": {"brier": 0.01}}, "brier")
    'xgboost'
    """

    def worth(name: str) -> float:
        value = defined(validation[name].get(by))
        return float("-inf") if value is None else gain(by, 0.0, value)

    best = max(validation, key=worth)
    if not isfinite(worth(best)):
        raise DataError(
            f"no candidate can be chosen: {by.replace('_', ' ')} is defined for none of {', '.join(validation)} on "
            "validation; name another metric in `compare.select_by`, or make validation_days longer"
        )
    return best
