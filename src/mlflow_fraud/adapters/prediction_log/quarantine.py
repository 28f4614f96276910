"""Spans of event time that nothing learns from or looks back on: what came in them is kept, and left out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, insert, not_, select

from mlflow_fraud.adapters.prediction_log.tables import PAYMENT, QUARANTINE

Spans = Sequence[tuple[datetime, datetime]]
"""From the first event time that is left out to the first that is not."""


class Earlier(NamedTuple):
    """What was left out until a moment, in UTC, at which one more span was."""

    until: datetime
    spans: Spans


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


def all_spans(connection: Connection) -> frozenset[tuple[str, datetime, datetime]]:
    """Return contract and span of all that is left out."""
    rows = connection.execute(select(QUARANTINE.c.contract, QUARANTINE.c.since, QUARANTINE.c.until))
    return frozenset((contract, since, until) for contract, since, until in rows)


def earlier_spans(connection: Connection, contract: str) -> list[Earlier]:
    """Return what was left out before each span of a contract was, the newest first."""
    chosen = select(QUARANTINE.c.received, QUARANTINE.c.since, QUARANTINE.c.until)
    chosen = chosen.where(QUARANTINE.c.contract == contract).order_by(QUARANTINE.c.received, QUARANTINE.c.number)
    rows = connection.execute(chosen).all()
    told = [(row.since, row.until) for row in rows]
    return [Earlier(row.received, told[:number]) for number, row in enumerate(rows)][::-1]


def lies_in(spans: Spans, at: datetime) -> bool:
    """Return whether an event time lies in one of the spans.

    >>> night = [(datetime(2020, 6, 1), datetime(2020, 6, 2))]
    >>> lies_in(night, datetime(2020, 6, 1)), lies_in(night, datetime(2020, 6, 2))
    (True, False)
    """
    return any(since <= at < until for since, until in spans)


def not_quarantined(out: Spans) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions under which a payment lies in none of the spans: none at all where there is no span."""
    return tuple(not_(and_(PAYMENT.c.event_time >= since, PAYMENT.c.event_time < until)) for since, until in out)
