"""An older record is taken to the newest tables when a person asks for it."""

from __future__ import annotations

from mlflow_fraud.adapters.prediction_log.alone import alone
from mlflow_fraud.adapters.prediction_log.connection import connect, where
from mlflow_fraud.adapters.prediction_log.versions import upgrade
from mlflow_fraud.environment import load_environment


def upgrade_record() -> str:
    """Take the record to the newest step, all of it or none; raise `DataError` where a service has it open."""
    engine = connect(load_environment().prediction_log)
    try:
        with alone(engine):
            before, after = upgrade(engine)
    finally:
        engine.dispose()
    return f"{where(engine)} is of step {after}" + (
        f" now, was of {before or 'none'}" if before != after else " already"
    )
