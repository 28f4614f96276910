"""The record by days: what export, collection and audits read, a day in memory at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

import polars as pl
from sqlalchemy import ColumnElement, Connection, Select, Table, and_, select

from mlflow_fraud.adapters.prediction_log.by_time import of_contract
from mlflow_fraud.adapters.prediction_log.content import transactions_of
from mlflow_fraud.adapters.prediction_log.quarantine import not_quarantined, spans
from mlflow_fraud.adapters.prediction_log.tables import CORRECTION, FEATURE_SCHEMA, LABEL, MODEL_RELEASE, PAYMENT
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.features.batch import TIME_ORDER
from mlflow_fraud.core.labels import LABEL_CHANCE, LABEL_TIME

MOMENT = pl.Datetime("us")
RECORD = {
    "record_place": pl.Int64,
    "record_received": MOMENT,
    "record_source": pl.String,
    "record_arrival": MOMENT,
}
"""What the record says of a payment itself: its place in the order in which all came, when it came and from where, and
its arrival on the contract's clock where that is not its time."""
ANSWER: Mapping[str, Any] = {
    "answer_prediction": pl.String,
    "answer_release": pl.String,
    "answer_probability": pl.Float64,
    "answer_threshold": pl.Float64,
    "answer_flagged": pl.Boolean,
    "answer_took_us": pl.Int64,
    "answer_label_chance": pl.Float64,
}
"""What it was answered; null where it has no answer."""
_PAYMENT = {
    **RECORD,
    "event_id": pl.String,
    "event_time": MOMENT,
    "content": pl.String,
    **ANSWER,
    "features": pl.Binary,
}
_LABEL = {
    "number": pl.Int64,
    "event_id": pl.String,
    "label": pl.Int8,
    "arrived": MOMENT,
    "received": MOMENT,
    "source": pl.String,
}
_CORRECTION = {
    "number": pl.Int64,
    "event_id": pl.String,
    "observed": MOMENT,
    "received": MOMENT,
    "source": pl.String,
    "content": pl.String,
}


class RecordedDays:
    """The payments of one contract by the day of their event time, as one connection sees them.

    Quarantined spans are not among them, unless they are asked for. Within a `snapshot` all days are of one moment.
    """

    def __init__(self, connection: Connection, contract: Contract, *, with_quarantined: bool = False) -> None:
        self._connection, self._contract = connection, contract
        out = () if with_quarantined else not_quarantined(spans(connection, contract.name))
        self._chosen = (of_contract(contract.name), *out)

    def days(self, since: date | None = None, until: date | None = None) -> Iterator[date]:
        """Give the days with payments, from `since` on and before `until`, in their order."""
        before = () if until is None else (PAYMENT.c.event_time < _begin(until),)
        first = select(PAYMENT.c.event_time).where(*self._chosen, *before).order_by(PAYMENT.c.event_time).limit(1)
        after = () if since is None else (PAYMENT.c.event_time >= _begin(since),)
        while found := self._connection.execute(first.where(*after)).scalar():
            yield found.date()
            after = (PAYMENT.c.event_time >= _begin(found.date() + timedelta(days=1)),)

    def payments(self, day: date) -> pl.DataFrame:
        """Return the payments of a day in time order: the transaction by pipeline names, then what is known of it.

        `label` and `label_time` are those of the newest label by arrival, null where none arrived; `label_chance` is
        the chance with which it was looked for. Beside these the columns `RECORD` and `ANSWER`, and `features`: Float32
        bytes as they were served, in the order of the release's schema, which `feature_names` has.
        """
        columns = [PAYMENT.c[name.removeprefix("record_").removeprefix("answer_")] for name in _PAYMENT]
        rows = transactions_of(self._table(select(*columns).where(*self._of(day)), _PAYMENT), self._contract)
        if LABEL_CHANCE in rows.columns:
            chance = pl.coalesce("answer_label_chance", LABEL_CHANCE)
        else:
            chance = pl.col("answer_label_chance")
        newest = self.labels(day).sort("arrived", "number").group_by("event_id", maintain_order=True).last()
        known = newest.select("event_id", "label", pl.col("arrived").alias(LABEL_TIME))
        rows = rows.with_columns(chance.alias(LABEL_CHANCE)).drop("answer_label_chance")
        rows = rows.join(known, on="event_id", how="left").sort(TIME_ORDER)
        last = [*RECORD, *(name for name in ANSWER if name in rows.columns), "features"]
        return rows.select(pl.exclude(last), *last)

    def labels(self, day: date) -> pl.DataFrame:
        """Return all that became known of a day's payments, in the order in which it was told."""
        return self._beside(LABEL, _LABEL, day)

    def corrections(self, day: date) -> pl.DataFrame:
        """Return all corrections of a day's payments, in the order in which they came.

        `content` is JSON by pipeline names, null where the payment was reversed.
        """
        return self._beside(CORRECTION, _CORRECTION, day)

    def feature_names(self) -> dict[str, list[str]]:
        """Return the names of the features of each release that the record knows, in the order of its bytes."""
        schemas = select(MODEL_RELEASE.c.version, FEATURE_SCHEMA.c.document).join_from(MODEL_RELEASE, FEATURE_SCHEMA)
        rows = self._connection.execute(schemas.order_by(MODEL_RELEASE.c.version))
        return {version: json.loads(document)["names"] for version, document in rows}

    def feature_schemas(self) -> dict[str, str]:
        """Return the hash of the set of features of each release that the record knows."""
        rows = self._connection.execute(select(MODEL_RELEASE.c.version, MODEL_RELEASE.c.feature_schema))
        return {version: sha256 for version, sha256 in rows}

    def releases(self, since: date | None = None, until: date | None = None) -> list[str]:
        """Return the releases that answered payments of these days."""
        chosen = select(PAYMENT.c.release).distinct().where(*self._chosen, PAYMENT.c.release.is_not(None))
        if since is not None:
            chosen = chosen.where(PAYMENT.c.event_time >= _begin(since))
        if until is not None:
            chosen = chosen.where(PAYMENT.c.event_time < _begin(until))
        return sorted(release for (release,) in self._connection.execute(chosen))

    def _of(self, day: date) -> tuple[ColumnElement[bool], ...]:
        from_then = PAYMENT.c.event_time >= _begin(day)
        return (*self._chosen, from_then, PAYMENT.c.event_time < _begin(day + timedelta(days=1)))

    def _beside(self, table: Table, form: Mapping[str, Any], day: date) -> pl.DataFrame:
        same = and_(table.c.contract == PAYMENT.c.contract, table.c.event_id == PAYMENT.c.event_id)
        chosen = select(*[table.c[name] for name in form]).join_from(PAYMENT, table, same).where(*self._of(day))
        found = self._table(chosen, form).sort("number")
        column = self._contract.column("event_id")
        assert column is not None  # a contract has one
        return found.with_columns(pl.col("event_id").cast(column.dtype))

    def _table(self, chosen: Select[Any], form: Mapping[str, Any]) -> pl.DataFrame:
        rows = self._connection.execute(chosen)
        return pl.DataFrame([tuple(row) for row in rows], dict(form), orient="row")


def _begin(day: date) -> datetime:
    return datetime.combine(day, time())
