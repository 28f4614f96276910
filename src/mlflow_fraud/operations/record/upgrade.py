"""An older record is taken to the newest tables when a person asks for it."""

from __future__ import annotations

from mlflow_fraud.adapters.prediction_log.alone import alone
from mlflow_fraud.adapters.prediction_log.connection import connect, where
from mlflow_fraud.adapters.prediction_log.versions import require_known, upgrade
from mlflow_fraud.environment import load_environment


def upgrade_record() -> str:
    """Take the record to the newest step, all of it or none.

    Raises `DataError` where there is none, where the database is another's, where the record is of a newer program, and
    where a service has it open.
    """
    engine = connect(load_environment().prediction_log, make=False)
    try:
        require_known(engine)
        with alone(engine):
            before, after = upgrade(engine)
    finally:
        engine.dispose()
    return f"{where(engine)} is of step {after}" + (
        f" now, was of {before or 'none'}" if before != after else " already"
    )
