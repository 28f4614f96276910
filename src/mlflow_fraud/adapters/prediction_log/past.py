"""What of the record a past begins with, as tables: a window of it, and the last ones before that."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Select, and_, case, func, or_, select

from mlflow_fraud.adapters.prediction_log.by_time import of_contract
from mlflow_fraud.adapters.prediction_log.content import reader_of, transactions_of
from mlflow_fraud.adapters.prediction_log.entries import Corrected, Payment
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.member import member
from mlflow_fraud.adapters.prediction_log.quarantine import Spans, lies_in, not_quarantined, spans
from mlflow_fraud.adapters.prediction_log.rows import read_payments
from mlflow_fraud.adapters.prediction_log.tables import CORRECTION, LABEL, PAYMENT
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.features.definitions import ARRIVAL, Entities
from mlflow_fraud.core.progress import Progress, Step, tell

AT_ONCE = 50_000
"""So many rows are fetched at once."""

_TRANSACTION = {
    "place": pl.Int64,
    "event_id": pl.String,
    "event_time": pl.Datetime("us"),
    "content": pl.String,
    "scores": pl.String,
    ARRIVAL: pl.Datetime("us"),
}
_KNOWN = {"number": pl.Int64, "label": pl.Int8, "arrived": pl.Datetime("us")}


class RecordedPast:
    """The payments of one contract in a record, as they were when the payment of `until_place` had come.

    What is in quarantine by now is not among them, or what lies in the spans of `left_out` where these are given.
    """

    def __init__(self, log: PredictionLog, contract: Contract, until_place: int, left_out: Spans | None = None) -> None:
        self._log, self._contract = log, contract
        if left_out is None:
            with log.reading() as connection:
                left_out = spans(connection, contract.name)
        self.until_place, self.left_out = until_place, left_out
        self._seen = (of_contract(contract.name), *not_quarantined(left_out))
        self._by_then = (*self._seen, PAYMENT.c.place <= until_place)

    def sees(self, payment: Payment) -> bool:
        """Return whether a payment that came by then would be among them."""
        in_quarantine = lies_in(self.left_out, payment.transaction["event_time"])
        return payment.contract == self._contract.name and not in_quarantine

    def reached(self, steady: int) -> datetime | None:
        """Return the earliest of the `steady` latest times; None where there is no payment."""
        times = select(PAYMENT.c.event_time).where(*self._by_then)
        latest = times.order_by(PAYMENT.c.event_time.desc()).limit(steady).subquery()
        with self._log.reading() as connection:
            moment: datetime | None = connection.execute(select(func.min(latest.c.event_time))).scalar()
        return moment

    def reaches_before(self, moment: datetime) -> bool:
        """Return whether a payment is earlier than a moment."""
        earlier = select(PAYMENT.c.place).where(*self._by_then, PAYMENT.c.event_time < moment).limit(1)
        with self._log.reading() as connection:
            return connection.execute(earlier).first() is not None

    def since(self, moment: datetime | None, progress: Progress = lambda line: None) -> pl.DataFrame:
        """Return the transactions from a moment on, in the contract's columns.

        Beside these the table has `place`, `ARRIVAL`, and `scores` as they were kept, in JSON. Any order.
        """
        wanted = (*self._by_then, *(() if moment is None else (PAYMENT.c.event_time >= moment,)))
        with self._log.reading() as connection:
            total = connection.execute(select(func.count()).select_from(PAYMENT).where(*wanted)).scalar() or 0

        def fetched(rows: int) -> None:
            tell(progress, Step("reading the window", rows, total, "payments"))

        return self._transactions(select(*_columns()).where(*wanted), _TRANSACTION, fetched)

    def last_before(self, moment: datetime, back: Mapping[Entities, int]) -> pl.DataFrame:
        """Return the newest transactions before a moment, so many of each card, or whatever `back` names; see `since`.

        One that was reversed at any time is there too, and does not count.
        """
        mine, reversal = CORRECTION.c.contract == self._contract.name, CORRECTION.c.content.is_(None)
        gone = select(CORRECTION.c.event_id).where(mine, reversal).distinct().subquery()
        names = dict.fromkeys(name for by in back for name in by)
        members = [member(self._log.engine.dialect, name).label(f"member_{name}") for name in names]
        counted = case((gone.c.event_id.is_(None), 1), else_=0).label("counted")
        times = (PAYMENT.c.place, PAYMENT.c.event_time, PAYMENT.c.event_id)  # alone: what is sorted has no content
        there = select(*times, counted, *members).outerjoin_from(PAYMENT, gone, gone.c.event_id == PAYMENT.c.event_id)
        before = there.where(*self._by_then, PAYMENT.c.event_time < moment).subquery().c
        newest = (before.event_time.desc(), before.event_id.desc())
        ranks = [
            func.sum(before.counted)
            .over(partition_by=[before[f"member_{name}"] for name in by], order_by=newest, rows=(None, 0))
            .label(f"rank_{number}")
            for number, by in enumerate(back)
        ]
        ranked = select(before.place, *ranks).subquery().c
        wanted = or_(*(ranked[f"rank_{number}"] <= most for number, most in enumerate(back.values())))
        chosen = select(*_columns()).where(PAYMENT.c.place.in_(select(ranked.place).where(wanted)))
        return self._transactions(chosen, _TRANSACTION)

    def came_late(self, moment: datetime) -> pl.DataFrame:
        """Return the transactions of before a moment that arrived from it on; see `since`."""
        late = (PAYMENT.c.arrival.is_not(None), PAYMENT.c.arrival >= moment, PAYMENT.c.event_time < moment)
        return self._transactions(select(*_columns()).where(*self._by_then, *late), _TRANSACTION)

    def behind(self, place: int) -> list[Payment]:
        """Return the payments behind a place, in the order in which they came."""
        chosen = select(PAYMENT).where(*self._by_then, PAYMENT.c.place > place).order_by(PAYMENT.c.place)
        with self._log.reading() as connection:
            return read_payments(connection.execute(chosen), self._contract)

    def known_since(self, moment: datetime | None) -> pl.DataFrame:
        """Return what became known from a moment on, as `number`, `label` and `arrived` beside the transactions.

        Also what became known after `until_place` came: its number tells.
        """
        same = and_(LABEL.c.contract == PAYMENT.c.contract, LABEL.c.event_id == PAYMENT.c.event_id)
        chosen = select(*_columns(), *[LABEL.c[name] for name in _KNOWN]).join_from(LABEL, PAYMENT, same)
        chosen = chosen.where(*self._seen)
        if moment is not None:
            chosen = chosen.where(LABEL.c.arrived >= moment)
        return self._transactions(chosen, _TRANSACTION | _KNOWN).sort("number")

    def known_ahead(self, moment: datetime | None) -> list[tuple[int, str, int, datetime]]:
        """Return number, id, label and arrival of what became known of payments that the record does not have yet."""
        same = and_(LABEL.c.contract == PAYMENT.c.contract, LABEL.c.event_id == PAYMENT.c.event_id)
        chosen = select(LABEL.c.number, LABEL.c.event_id, LABEL.c.label, LABEL.c.arrived).outerjoin_from(
            LABEL, PAYMENT, same
        )
        chosen = chosen.where(LABEL.c.contract == self._contract.name, PAYMENT.c.place.is_(None))
        if moment is not None:
            chosen = chosen.where(LABEL.c.arrived >= moment)
        with self._log.reading() as connection:
            return [(number, event_id, label, at) for number, event_id, label, at in connection.execute(chosen)]

    def corrections_since(self, moment: datetime | None, ids: Collection[str] = ()) -> list[Corrected]:
        """Return the corrections of payments from a moment on, and of those with these ids, as they were told.

        Also those that were told after `until_place` came: their number tells.
        """
        same = and_(CORRECTION.c.contract == PAYMENT.c.contract, CORRECTION.c.event_id == PAYMENT.c.event_id)
        said = (CORRECTION.c.number, CORRECTION.c.observed, CORRECTION.c.content.label("instead"))
        chosen = select(PAYMENT, *said).join_from(CORRECTION, PAYMENT, same).where(*self._by_then)
        if moment is not None:
            late = and_(PAYMENT.c.arrival.is_not(None), PAYMENT.c.arrival >= moment)
            chosen = chosen.where(or_(PAYMENT.c.event_time >= moment, late, PAYMENT.c.event_id.in_(ids)))
        with self._log.reading() as connection:
            rows = connection.execute(chosen.order_by(CORRECTION.c.number)).all()
        transaction_of = reader_of(self._contract)
        return [
            Corrected(
                row.number,
                payment,
                None if row.instead is None else transaction_of(row.event_id, row.event_time, row.instead),
                row.observed,
            )
            for row, payment in zip(rows, read_payments(rows, self._contract), strict=True)
        ]

    def _transactions(
        self, chosen: Select[Any], form: Mapping[str, Any], fetched: Callable[[int], None] = lambda rows: None
    ) -> pl.DataFrame:
        parts: list[pl.DataFrame] = []
        fetched(0)
        with self._log.reading() as connection:
            for part in connection.execution_options(yield_per=AT_ONCE).execute(chosen).partitions():
                parts.append(pl.DataFrame([tuple(row) for row in part], form, orient="row"))
                fetched(sum(map(len, parts)))
        return transactions_of(pl.concat(parts) if parts else pl.DataFrame(schema=form), self._contract)


def _columns() -> list[Any]:
    return [PAYMENT.c["arrival" if name == ARRIVAL else name] for name in _TRANSACTION]
