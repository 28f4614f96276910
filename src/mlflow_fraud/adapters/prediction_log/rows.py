"""Payments as rows of the table, for the database's own driver: the one insert of the hot path is made by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql, sqlite

from mlflow_fraud.adapters.prediction_log.content import content_of, json_of, reader_of
from mlflow_fraud.adapters.prediction_log.entries import Answer, Payment
from mlflow_fraud.adapters.prediction_log.tables import PAYMENT
from mlflow_fraud.core.contract.contract import Contract

_ORDER = tuple(column.name for column in PAYMENT.columns)

_UNANSWERED = (None,) * len(Answer._fields)


class PaymentRows:
    """The insert of payments as a text, compiled once, and what it takes for each.

    SQLAlchemy works its types out anew for every row, at twice the cost; here each value is what the driver takes:
    a time is a text in SQLite.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._as_text = dialect.name == "sqlite"
        compiled = insert_into(dialect)(PAYMENT).on_conflict_do_nothing().compile(dialect=dialect)
        self.insert = str(compiled)
        self._by_name = compiled.positiontup is None
        assert self._by_name or tuple(compiled.positiontup or ()) == _ORDER  # in which `of` has the values

    def of(self, payment: Payment) -> Any:
        """Return the row: a tuple, or a mapping where the driver takes names."""
        transaction, scores, arrival = payment.transaction, payment.scores, payment.arrival
        row = (
            payment.place,
            payment.contract,
            str(transaction["event_id"]),
            self._moment(transaction["event_time"]),
            self._moment(payment.received),
            payment.source,
            content_of(transaction),
            None if scores is None else json_of(scores),
            *(payment.answer or _UNANSWERED),
            None,  # its reasons come after the answer
            None if arrival is None else self._moment(arrival),
        )
        return dict(zip(_ORDER, row, strict=True)) if self._by_name else row

    def _moment(self, moment: datetime) -> Any:
        return moment.isoformat(" ", "microseconds") if self._as_text else moment


def insert_into(dialect: Dialect) -> Any:
    """Return the database's own `insert`, which can leave alone what is there."""
    return sqlite.insert if dialect.name == "sqlite" else postgresql.insert


def read_payments(rows: Iterable[Any], contract: Contract) -> list[Payment]:
    """Return the payments that rows of the table are."""
    transaction_of = reader_of(contract)
    return [
        Payment(
            row.place,
            contract.name,
            transaction_of(row.event_id, row.event_time, row.content),
            row.received,
            row.source,
            None if row.scores is None else json.loads(row.scores),
            None if row.prediction is None else _answer_of(row),
            row.arrival,
        )
        for row in rows
    ]


def _answer_of(row: Any) -> Answer:
    return Answer(
        row.prediction,
        row.release,
        bytes(row.features),
        row.probability,
        bool(row.flagged),
        row.threshold,
        row.took_us,
        row.label_chance,
    )
