"""How what is tried is looked at from outside: what the service says, what is in the record, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any

from sqlalchemy import select

from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.tables import PAYMENT
from rehearsal.bank import SECONDS
from rehearsal.workplace import Workplace


def ready(place: Workplace) -> dict[str, Any]:
    """Return what the service says of itself."""
    nothing = {"waiting": -1, "record": "no answer", "reload": "no answer", "lost": -1}
    return place.client.ready() or nothing


def lost(place: Workplace, answered: Iterable[str]) -> int:
    """Return how many of these payments are not in the record."""
    return len(lacking(place, answered))


def lacking(place: Workplace, answered: Iterable[str]) -> set[str]:
    """Return those of these payments that are not in the record."""
    with closing(PredictionLog(place.environ["FRAUD_PREDICTION_LOG"], make=False)) as log, log.reading() as connection:
        there = set(connection.execute(select(PAYMENT.c.event_id)).scalars())
    return {*answered} - there


def until(holds: Callable[[], bool]) -> float:
    """Return the seconds until something holds, or those that are too many."""
    began = time.monotonic()
    while time.monotonic() - began < SECONDS and not holds():
        time.sleep(0.1)
    return time.monotonic() - began
