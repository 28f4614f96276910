"""The record that the environment names, open while a command needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.environment import load_environment


@contextmanager
def opened(*, make: bool = False) -> Iterator[PredictionLog]:
    """Give the record until the block ends; a service may have it at the same time.

    Where there is none it is made, or a `NoRecord` where `make` is off.
    """
    log = PredictionLog(load_environment().prediction_log, make=make)
    try:
        yield log
    finally:
        log.close()
