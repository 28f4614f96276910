"""What now is to whoever reads the record: said, the time of day, or where its payments have come to."""

from __future__ import annotations

from datetime import datetime

from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.past import RecordedPast
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.features.clock import STEADY
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.as_of import moment


def now_in(log: PredictionLog, contract: Contract, as_of: datetime | None) -> datetime | None:
    """Return now on the contract's clock: `as_of`, or as `FRAUD_CLOCK` has it; None where that asks an empty record."""
    if as_of is not None or load_environment().clock == "wall":
        clock = contract.column("event_time")
        return moment(as_of, clock.timezone if clock else "")
    return RecordedPast(log, contract, log.last_place()).reached(STEADY)
