"""How what is tried is looked at from outside: what the service says, what is in the record, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from sqlalchemy import func, select

from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.tables import PAYMENT
from rehearsal.bank import SECONDS
from rehearsal.workplace import Workplace


def ready(place: Workplace) -> dict[str, Any]:
    """Return what the service says of itself."""
    nothing = {"waiting": -1, "record": "no answer", "reload": "no answer", "lost": -1}
    return place.client.ready() or nothing


def recorded(place: Workplace) -> int:
    """Return how many payments that a service saw are in the record."""
    with closing(PredictionLog(place.environ["FRAUD_PREDICTION_LOG"], make=False)) as log, log.reading() as connection:
        seen = select(func.count()).select_from(PAYMENT).where(PAYMENT.c.source == "service")
        return int(connection.execute(seen).scalar_one())


def until(holds: Callable[[], bool]) -> float:
    """Return the seconds until something holds, or those that are too many."""
    began = time.monotonic()
    while time.monotonic() - began < SECONDS and not holds():
        time.sleep(0.1)
    return time.monotonic() - began
