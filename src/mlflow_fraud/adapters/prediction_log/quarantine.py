"""Spans of event time that nothing learns from or looks back on: what came in them is kept, and left out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, insert, not_, select

from mlflow_fraud.adapters.prediction_log.tables import PAYMENT, QUARANTINE

Spans = Sequence[tuple[datetime, datetime]]
"""From the first event time that is left out to the first that is not."""


class Quarantine(NamedTuple):
    """A span `[since, until)` of event times on the contract's clock, and why it is left out."""

    since: datetime
    until: datetime
    reason: str


def put_in_quarantine(connection: Connection, contract: str, span: Quarantine, *, received: datetime) -> None:
    """Leave a span out from now on."""
    connection.execute(insert(QUARANTINE), {"contract": contract, **span._asdict(), "received": received})


def quarantines(connection: Connection, contract: str) -> list[Quarantine]:
    """Return what is left out of a contract's payments, by time; spans may overlap."""
    chosen = select(QUARANTINE.c.since, QUARANTINE.c.until, QUARANTINE.c.reason)
    chosen = chosen.where(QUARANTINE.c.contract == contract)
    rows = connection.execute(chosen.order_by(QUARANTINE.c.since, QUARANTINE.c.until, QUARANTINE.c.number))
    return [Quarantine(*row) for row in rows]


def spans(connection: Connection, contract: str) -> Spans:
    """Return the spans of a contract's payments that are left out, by time."""
    return [(each.since, each.until) for each in quarantines(connection, contract)]


def not_quarantined(out: Spans) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions under which a payment lies in none of the spans: none at all where there is no span."""
    return tuple(not_(and_(PAYMENT.c.event_time >= since, PAYMENT.c.event_time < until)) for since, until in out)
