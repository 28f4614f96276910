"""When labels came into the record from outside, whatever they said."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from mlflow_fraud.adapters.prediction_log.by_time import of_contract
from mlflow_fraud.adapters.prediction_log.collectable import HISTORY
from mlflow_fraud.adapters.prediction_log.tables import LABEL, PAYMENT
from mlflow_fraud.core.contract.contract import Contract


class LabelFeed(NamedTuple):
    """The first and the last arrival, and the days on which any label arrived in a time before the last one.

    `paid` is the time of the newest payment: of none after it could anything be told.
    """

    first: datetime
    last: datetime
    days: tuple[date, ...]
    paid: datetime


def label_feed(connection: Connection, contract: Contract, now: datetime, back: timedelta) -> LabelFeed | None:
    """Return the feed of labels as it was at `now`; None where none had come but with pinned batches."""
    arrived = LABEL.c.arrived
    theirs = (LABEL.c.contract == contract.name, LABEL.c.source != HISTORY, arrived <= now)
    first, last = connection.execute(select(func.min(arrived), func.max(arrived)).where(*theirs)).one()
    if last is None:
        return None
    days = select(func.date(arrived)).where(*theirs, arrived > last - back).distinct()
    paid = select(func.max(PAYMENT.c.event_time)).where(of_contract(contract.name), PAYMENT.c.event_time <= now)
    return LabelFeed(
        first,
        last,
        tuple(sorted(date.fromisoformat(str(day)) for (day,) in connection.execute(days))),
        connection.execute(paid).scalar() or last,
    )
