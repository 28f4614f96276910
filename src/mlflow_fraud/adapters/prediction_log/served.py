"""What was served in a span of time, and all that was told from then on, in the order in which it was told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from sqlalchemy import Table, func, select

from mlflow_fraud.adapters.prediction_log.afterwards import learned_after
from mlflow_fraud.adapters.prediction_log.by_time import of_contract
from mlflow_fraud.adapters.prediction_log.entries import Corrected, Learned, Payment
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.past import RecordedPast
from mlflow_fraud.adapters.prediction_log.quarantine import Spans, lies_in, not_quarantined
from mlflow_fraud.adapters.prediction_log.tables import CORRECTION, FEATURE_SCHEMA, LABEL, MODEL_RELEASE, PAYMENT
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.watching.parity import Flags, Matrix


class Served(NamedTuple):
    """The answers that one set of features was served for: `rows` has `place`, `event_id`, `prediction` and two times.

    These are `event_time` on the contract's clock and `received` in UTC. `source` is where the payment came from, which
    was there before it was asked for where that is not the service. `features` are as they were served,
    (answers, features); `document` is the schema that they are of. The earliest payment is of `since`.
    """

    document: str
    since: datetime
    rows: pl.DataFrame
    features: Matrix

    def only(self, which: Flags) -> Served:
        """Return some of the answers."""
        return self._replace(rows=self.rows.filter(pl.Series(which)), features=self.features[which])


_ROWS: Mapping[str, Any] = {
    "place": pl.Int64,
    "event_id": pl.String,
    "prediction": pl.String,
    "event_time": pl.Datetime("us"),
    "received": pl.Datetime("us"),
    "source": pl.String,
}


def served_since(log: PredictionLog, contract: Contract, since: datetime, left_out: Spans = ()) -> list[Served]:
    """Return the answers to payments from a moment on, by their sets of features, each in time order.

    Those to payments in spans that are left out are not among them.
    """
    columns = [PAYMENT.c[name] for name in (*_ROWS, "features")]
    chosen = select(*columns, MODEL_RELEASE.c.feature_schema).join_from(
        PAYMENT, MODEL_RELEASE, MODEL_RELEASE.c.version == PAYMENT.c.release
    )
    chosen = chosen.where(of_contract(contract.name), PAYMENT.c.event_time >= since, *not_quarantined(left_out))
    with log.reading() as connection:
        rows = connection.execute(chosen.order_by(PAYMENT.c.event_time, PAYMENT.c.event_id)).all()
        documents = {row.sha256: row.document for row in connection.execute(select(FEATURE_SCHEMA))}
    by_schema: dict[str, list[Any]] = {}
    for row in rows:
        by_schema.setdefault(row.feature_schema, []).append(row)
    return [_of_one_schema(documents[sha256], found) for sha256, found in sorted(by_schema.items())]


def _of_one_schema(document: str, found: Sequence[Any]) -> Served:
    rows = pl.DataFrame([tuple(row[: len(_ROWS)]) for row in found], _ROWS, orient="row")
    features = np.array([np.frombuffer(row.features, np.float32) for row in found])
    return Served(document, found[0].event_time, rows, features)


Told = Payment | Learned | Corrected


def told_from(
    past: RecordedPast,
    log: PredictionLog,
    contract: Contract,
    place: int,
    label: int,
    corrections: Sequence[Corrected],
    lag: timedelta,
) -> Iterator[Told]:
    """Yield what came from a place on: payments, labels after a number and the corrections, `lag` after they came.

    A label is in the record before the service knows it, and how long before is not written down. What is left out of
    `past` is not among them.
    """
    labels, corrected = _received(log, LABEL, contract, label), _received(log, CORRECTION, contract, 0)
    came = [_Came(each.received, 0, each.place, each) for each in past.behind(place - 1)]
    learned = [each for each in learned_after(log, contract, label) if not _is_left_out(each, past.left_out)]
    came += [_Came(labels[each.number] + lag, 1, each.number, each) for each in learned]
    came += [_Came(corrected[each.number] + lag, 2, each.number, each) for each in corrections]
    yield from (each.told for each in sorted(came, key=lambda each: each[:3]))


def _is_left_out(learned: Learned, left_out: Spans) -> bool:
    return learned.of is not None and lies_in(left_out, learned.of.transaction["event_time"])


def last_label_before(log: PredictionLog, contract: Contract, place: int) -> int:
    """Return the number of the last label that was told before a payment came; 0 where none was."""
    when = select(PAYMENT.c.received).where(PAYMENT.c.place == place).scalar_subquery()
    told = select(func.max(LABEL.c.number)).where(LABEL.c.contract == contract.name, LABEL.c.received < when)
    with log.reading() as connection:
        return connection.execute(told).scalar() or 0


class _Came(NamedTuple):
    """When something came, and of one moment: payments first, then labels, then corrections, as they are numbered."""

    at: datetime
    kind: int
    number: int
    told: Told


def corrections_told_late(log: PredictionLog, contract: Contract) -> frozenset[int]:
    """Return the numbers of the corrections that were told after a payment had come which should have seen them."""
    should_have = (
        of_contract(contract.name),
        PAYMENT.c.event_time > CORRECTION.c.observed,
        PAYMENT.c.received < CORRECTION.c.received,
    )
    late = select(CORRECTION.c.number).where(CORRECTION.c.contract == contract.name)
    late = late.where(select(PAYMENT.c.place).where(*should_have).exists())
    with log.reading() as connection:
        return frozenset(connection.execute(late).scalars())


def _received(log: PredictionLog, table: Table, contract: Contract, after: int) -> dict[int, datetime]:
    """Return when each of the labels or corrections behind a number came."""
    chosen = select(table.c.number, table.c.received).where(of_contract(contract.name, table), table.c.number > after)
    with log.reading() as connection:
        return {row.number: row.received for row in connection.execute(chosen)}
