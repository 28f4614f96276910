"""Payments as rows of the table, for the database's own driver: the one insert of the hot path is made by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql, sqlite

from mlflow_fraud.adapters.prediction_log.content import content_of, transaction_of
from mlflow_fraud.adapters.prediction_log.entries import Answer, Payment
from mlflow_fraud.adapters.prediction_log.tables import PAYMENT
from mlflow_fraud.core.contract.contract import Contract

_written = json.JSONEncoder(separators=(",", ":")).encode

UNANSWERED: Mapping[str, None] = dict.fromkeys(Answer._fields)


class PaymentRows:
    """The insert of payments as a text, compiled once, and what it takes for each.

    SQLAlchemy works its types out anew for every row, at twice the cost; here each value is what the driver takes:
    a time is a text in SQLite.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._as_text = dialect.name == "sqlite"
        compiled = insert_into(dialect)(PAYMENT).on_conflict_do_nothing().compile(dialect=dialect)
        self.insert = str(compiled)
        self._order = compiled.positiontup

    def of(self, payment: Payment) -> Any:
        """Return the row: a tuple, or a mapping where the driver takes names."""
        transaction, scores = payment.transaction, payment.scores
        values = {
            "place": payment.place,
            "contract": payment.contract,
            "event_id": str(transaction["event_id"]),
            "event_time": self._moment(transaction["event_time"]),
            "received": self._moment(payment.received),
            "source": payment.source,
            "content": content_of(transaction),
            "scores": None if scores is None else _written(scores),
            "arrival": None if payment.arrival is None else self._moment(payment.arrival),
            **(payment.answer._asdict() if payment.answer else UNANSWERED),
            "reasons": None,  # which come after the answer
        }
        return tuple([values[name] for name in self._order]) if self._order else values

    def _moment(self, moment: datetime) -> Any:
        return moment.isoformat(" ", "microseconds") if self._as_text else moment


def insert_into(dialect: Dialect) -> Any:
    """Return the database's own `insert`, which can leave alone what is there."""
    return sqlite.insert if dialect.name == "sqlite" else postgresql.insert


def payment_of(row: Any, contract: Contract) -> Payment:
    """Return the payment that a row of the table is."""
    answer = None
    if row.prediction is not None:
        answer = Answer(
            row.prediction,
            row.release,
            bytes(row.features),
            row.probability,
            bool(row.flagged),
            row.threshold,
            row.took_us,
            row.label_chance,
        )
    transaction = transaction_of(row.event_id, row.event_time, row.content, contract)
    scores = None if row.scores is None else json.loads(row.scores)
    return Payment(row.place, contract.name, transaction, row.received, row.source, scores, answer, row.arrival)
