"""How many payments there are, of a contract or of a span of time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from mlflow_fraud.adapters.prediction_log.by_time import of_contract
from mlflow_fraud.adapters.prediction_log.tables import PAYMENT


def count_of(connection: Connection, contract: str) -> int:
    """Return how many payments of a contract there are."""
    number: int = connection.execute(select(func.count()).where(PAYMENT.c.contract == contract)).scalar_one()
    return number


def count_between(connection: Connection, contract: str, since: datetime, until: datetime) -> int:
    """Return how many payments of a contract have an event time in `[since, until)`."""
    chosen = select(func.count()).where(
        of_contract(contract), PAYMENT.c.event_time >= since, PAYMENT.c.event_time < until
    )
    number: int = connection.execute(chosen).scalar_one()
    return number
