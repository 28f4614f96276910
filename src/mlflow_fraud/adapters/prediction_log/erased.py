"""What is gone from the record for good: when somebody was forgotten last, and up to where it was pruned."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from mlflow_fraud.adapters.prediction_log.audit import audited
from mlflow_fraud.adapters.prediction_log.tables import TOMBSTONE


class PrunedUntil(NamedTuple):
    """Payments of `before` are gone, but for what features remembered of an entity at `remembered_from` or later."""

    before: datetime
    remembered_from: datetime


def last_forgotten(connection: Connection, contract: str) -> datetime | None:
    """Return when somebody of a contract was forgotten last, in UTC; None where nobody was."""
    chosen = select(func.max(TOMBSTONE.c.forgotten)).where(TOMBSTONE.c.contract == contract)
    moment: datetime | None = connection.execute(chosen).scalar()
    return moment


def pruned_before(connection: Connection, contract: str) -> PrunedUntil | None:
    """Return the latest event times up to which a contract's payments were pruned; None where none were."""
    lines = [line.detail for line in audited(connection) if line.action == "prune"]
    mine = [detail for detail in lines if detail["contract"] == contract]
    if not mine:
        return None
    before = max(datetime.fromisoformat(detail["before"]) for detail in mine)
    remembered = [datetime.fromisoformat(detail["remembered_from"]) for detail in mine if "remembered_from" in detail]
    return PrunedUntil(before, max(remembered, default=before))
