"""Which payments came long after their time, when a service had let go of part of what they look back on."""

from __future__ import annotations

from datetime import datetime, timedelta
from heapq import heappush, heapreplace

from sqlalchemy import Connection, select

from mlflow_fraud.adapters.prediction_log.by_time import of_contract
from mlflow_fraud.adapters.prediction_log.tables import PAYMENT
from mlflow_fraud.core.features.clock import STEADY


def came_later_than(connection: Connection, contract: str, most: timedelta) -> frozenset[int]:
    """Return the places of the payments whose time was by more than `most` before what the record had reached by then.

    That is the least of its `STEADY` latest times, before so many nothing.
    """
    chosen = select(PAYMENT.c.place, PAYMENT.c.event_time).where(of_contract(contract)).order_by(PAYMENT.c.place)
    latest, found = list[datetime](), list[int]()
    for place, at in connection.execute(chosen):
        if len(latest) < STEADY:
            heappush(latest, at)
        elif at > latest[0]:
            heapreplace(latest, at)
        elif at < latest[0] - most:
            found.append(place)
    return frozenset(found)
