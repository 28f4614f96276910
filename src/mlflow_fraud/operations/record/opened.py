"""The record that the environment names, open while a command needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.environment import load_environment


@contextmanager
def opened() -> Iterator[PredictionLog]:
    """Give the record until the block ends; a service may have it at the same time."""
    log = PredictionLog(load_environment().prediction_log)
    try:
        yield log
    finally:
        log.close()
