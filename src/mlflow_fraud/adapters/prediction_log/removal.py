"""Payments go with all that is known of them: none of a payment's labels or corrections is left behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, delete

from mlflow_fraud.adapters.prediction_log.tables import CORRECTION, LABEL, PAYMENT

AT_ONCE = 500
"""So many are named in one statement."""


class Removed(NamedTuple):
    """How many rows are gone."""

    payments: int = 0
    labels: int = 0
    corrections: int = 0

    def and_(self, more: Removed) -> Removed:
        """Return both together."""
        return Removed(*(ours + theirs for ours, theirs in zip(self, more, strict=True)))


class Which(NamedTuple):
    """A payment by its place, contract and id."""

    place: int
    contract: str
    event_id: str


def remove(connection: Connection, which: Sequence[Which]) -> Removed:
    """Delete payments with their labels and corrections, and return how many rows these were."""
    gone = Removed()
    for contract in sorted({each.contract for each in which}):
        mine = [each for each in which if each.contract == contract]
        for first in range(0, len(mine), AT_ONCE):
            part = mine[first : first + AT_ONCE]
            ids = [each.event_id for each in part]
            labels, corrections = (
                connection.execute(delete(table).where(table.c.contract == contract, table.c.event_id.in_(ids)))
                for table in (LABEL, CORRECTION)
            )
            payments = connection.execute(delete(PAYMENT).where(PAYMENT.c.place.in_([each.place for each in part])))
            gone = gone.and_(Removed(payments.rowcount, labels.rowcount, corrections.rowcount))
    return gone
