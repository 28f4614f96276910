"""The prediction log: payments with their answers, and labels, in a database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from math import isnan
from typing import Any, Literal, NamedTuple

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, TextClause, bindparam, func, insert, select, update

from mlflow_fraud.adapters.prediction_log.alone import Own, alone
from mlflow_fraud.adapters.prediction_log.connection import Synchronous, connect, translated, where
from mlflow_fraud.adapters.prediction_log.content import content_of
from mlflow_fraud.adapters.prediction_log.entries import (
    Completed,
    Correction,
    Entry,
    Label,
    Payment,
    Reasoned,
    ReleaseNote,
    Source,
)
from mlflow_fraud.adapters.prediction_log.hot_insert import HotInsert
from mlflow_fraud.adapters.prediction_log.prediction_ids import place_of
from mlflow_fraud.adapters.prediction_log.rows import PaymentRows, insert_into, read_payments
from mlflow_fraud.adapters.prediction_log.tables import (
    CORRECTION,
    EARLIER_IDS,
    FEATURE_SCHEMA,
    LABEL,
    MODEL_RELEASE,
    PAYMENT,
)
from mlflow_fraud.adapters.prediction_log.versions import begin
from mlflow_fraud.adapters.prediction_log.writing import Writing
from mlflow_fraud.core.contract.contract import Contract

_REASONED = (
    update(PAYMENT)
    .where(PAYMENT.c.place == bindparam("its_place"), PAYMENT.c.prediction == bindparam("its_prediction"))
    .values(reasons=bindparam("found"))
)
"""Made once: making it takes three times as long as carrying it out, and payments wait for both."""

Part = tuple[Sequence[Payment], Sequence[Label]]
"""Payments, and what became known of them, as many as are in memory at once."""


class Told(NamedTuple):
    """A payment as the tables have it, with its release's `manifest` and `document` of features, and what came after.

    Labels and corrections are in the order in which they were told.
    """

    payment: Mapping[str, Any]
    labels: Sequence[Mapping[str, Any]]
    corrections: Sequence[Mapping[str, Any]]

    @property
    def decision(self) -> Literal["flag", "pass"]:
        """What the answer said."""
        return "flag" if self.payment["flagged"] else "pass"

    @property
    def transaction(self) -> dict[str, Any]:
        """The transaction's columns, but its id and time."""
        read: dict[str, Any] = json.loads(self.payment["content"])
        return read

    @property
    def manifest(self) -> dict[str, Any]:
        """What leads from the release back to where it came from; empty where the record does not know the release."""
        return json.loads(self.payment["manifest"] or "{}")  # type: ignore[no-any-return]

    @property
    def features(self) -> dict[str, float | None]:
        """The features as they were served, None for one that was missing; empty as the manifest is."""
        if not self.payment["document"]:
            return {}
        names = json.loads(self.payment["document"])["names"]
        served = np.frombuffer(self.payment["features"], np.float32).tolist()
        return {name: None if isnan(value) else value for name, value in zip(names, served, strict=True)}


class NewestIds(NamedTuple):
    """From which to which place the payments came last, their latest time, and the latest time of all others."""

    first: int
    last: int
    latest: datetime | None
    latest_of_others: datetime | None


class PredictionLog:
    """The record in a database. Every method is one transaction, and raises `RecordUnavailable` where it fails.

    Safe to use from several threads, `append` from one. It may be asked again for what it was given: what is there
    stays. Where there is no record it is made, or with `make` off a `DataError`.
    """

    def __init__(self, address: str, *, synchronous: Synchronous = "normal", make: bool = True) -> None:
        self.engine = connect(address, synchronous=synchronous, make=make)
        begin(self.engine, make=make)
        self._rows, self._insert = PaymentRows(self.engine.dialect), insert_into(self.engine.dialect)
        self._writing, self._own = Writing(self.engine), Own()
        self._hot = HotInsert(self.engine, self._rows.insert)

    def __str__(self) -> str:
        """Where it is, without a password."""
        return where(self.engine)

    def append(self, entries: Sequence[Entry]) -> None:
        """Add releases, then payments, then answers to payments and their reasons, all or none.

        What is there already stays as it is.
        """
        payments = [entry for entry in entries if isinstance(entry, Payment)]
        rows = [self._rows.of(payment) for payment in payments]
        with self._writing.connection() as connection:
            self._own.gives(payments)
            if len(rows) == len(entries):
                self._hot.add(connection, rows)
            else:
                self._append_all(connection, entries, rows)
            self._own.wrote(max([payment.place for payment in payments], default=0))

    def _append_all(self, connection: Connection, entries: Sequence[Entry], rows: Sequence[Any]) -> None:
        with connection.begin():
            for entry in entries:
                if isinstance(entry, ReleaseNote):
                    self._introduce(connection, entry)
            if rows:
                connection.exec_driver_sql(self._rows.insert, rows)
            for entry in entries:
                if isinstance(entry, Completed):
                    unanswered = update(PAYMENT).where(PAYMENT.c.place == entry.place, PAYMENT.c.prediction.is_(None))
                    connection.execute(unanswered.values(entry.answer._asdict()))
                if isinstance(entry, Reasoned):
                    told = {"its_place": entry.place, "its_prediction": entry.prediction, "found": entry.reasons}
                    connection.execute(_REASONED, told)

    def take_in(self, parts: Iterable[Part], *, received: datetime, source: Source) -> None:
        """Add what comes from elsewhere than a service, all or none; what is there already stays as it is."""
        last = 0
        with self.writing() as connection:
            for payments, labels in parts:
                last = max([last, *(payment.place for payment in payments)])
                if payments:
                    connection.exec_driver_sql(self._rows.insert, [self._rows.of(payment) for payment in payments])
                if labels:
                    known = [self._label(label, received, source) for label in labels]
                    connection.execute(self._insert(LABEL).on_conflict_do_nothing(), known)
        self._own.wrote(last)

    def add_labels(self, labels: Sequence[Label], *, received: datetime, source: Source) -> None:
        """Add what became known of payments, all or none; what is known already stays as it is.

        Numbers grow in the order in which others see the rows, whoever writes at the same time.
        """
        with self.writing() as connection:
            if self.engine.dialect.name == "postgresql":
                connection.exec_driver_sql("LOCK TABLE label IN SHARE ROW EXCLUSIVE MODE")
            rows = [self._label(label, received, source) for label in labels]
            connection.execute(self._insert(LABEL).on_conflict_do_nothing(), rows)

    def add_correction(self, correction: Correction, *, received: datetime, source: Source) -> int:
        """Add that a payment is another one, or none, from a moment on; return its number."""
        (contract, event_id), instead, observed = correction
        row = {"contract": contract, "event_id": str(event_id), "observed": observed, "received": received}
        content = None if instead is None else content_of(instead)
        added = insert(CORRECTION).returning(CORRECTION.c.number)
        with self.writing() as connection:
            number: int = connection.execute(added, {**row, "source": source, "content": content}).scalar_one()
        return number

    def find(self, contract: Contract, event_id: Any) -> Payment | None:
        """Return the payment with this id, with its answer, or None."""
        chosen = select(PAYMENT).where(PAYMENT.c.contract == contract.name, PAYMENT.c.event_id == str(event_id))
        with self.reading() as connection:
            found = read_payments(connection.execute(chosen), contract)
        return found[0] if found else None

    def by_prediction(self, prediction: str) -> Told | None:
        """Return what is kept of an answer, or None where none has this id."""
        if "\0" in prediction:  # which no database takes, and no id has
            return None
        payments = select(PAYMENT, MODEL_RELEASE.c.manifest, FEATURE_SCHEMA.c.document)
        payments = payments.outerjoin(MODEL_RELEASE, MODEL_RELEASE.c.version == PAYMENT.c.release)
        payments = payments.outerjoin(FEATURE_SCHEMA, FEATURE_SCHEMA.c.sha256 == MODEL_RELEASE.c.feature_schema)
        with self.reading() as connection:
            row = connection.execute(payments.where(*_is(prediction))).mappings().first()
            if row is None:
                return None
            labels, corrections = (
                connection.execute(
                    select(told)
                    .where(told.c.contract == row["contract"], told.c.event_id == row["event_id"])
                    .order_by(told.c.number)
                ).mappings()
                for told in (LABEL, CORRECTION)
            )
            return Told({**row}, [{**each} for each in labels], [{**each} for each in corrections])

    def count(self, contract: Contract) -> int:
        """Return how many payments of a contract there are."""
        number: int = self._one(select(func.count()).select_from(PAYMENT).where(PAYMENT.c.contract == contract.name))
        return number

    def last_place(self) -> int:
        """Return the place of the newest payment; 0 where there is none."""
        return self._one(select(func.max(PAYMENT.c.place))) or 0

    def last_label(self) -> int:
        """Return the number of the newest label; 0 where there is none."""
        return self._one(select(func.max(LABEL.c.number))) or 0

    def last_correction(self) -> int:
        """Return the number of the newest correction; 0 where there is none."""
        return self._one(select(func.max(CORRECTION.c.number))) or 0

    def newest_ids(self, at_most: int) -> NewestIds:
        """Return where the ids of the payments are that came last."""
        newest = select(PAYMENT.c.place).order_by(PAYMENT.c.place.desc()).limit(1).offset(at_most - 1)
        last = self.last_place()
        first = self._one(newest) or self._one(select(func.min(PAYMENT.c.place))) or last + 1
        latest = select(PAYMENT.c.event_time).order_by(PAYMENT.c.event_time.desc()).limit(1)
        with self.reading() as connection:
            return NewestIds(
                first,
                last,
                connection.execute(latest.where(PAYMENT.c.place >= first)).scalar(),
                connection.execute(latest.where(PAYMENT.c.place < first)).scalar(),
            )

    def ids(self, first: int, last: int) -> list[tuple[str, str]]:
        """Return contract and id of the payments from one place to another, in any order."""
        chosen = select(PAYMENT.c.contract, PAYMENT.c.event_id).where(PAYMENT.c.place.between(first, last))
        with self.reading() as connection:
            return [tuple(row) for row in connection.execute(chosen)]

    def alone(self) -> AbstractContextManager[None]:
        """Be the one service of this record until the block ends; raise `DataError` where another one is."""
        return alone(self.engine, self._writing, self._own)

    def tidy(self) -> None:
        """Move what was written from SQLite's log into its file; ask a server whether the record is still held."""
        if self.engine.dialect.name == "sqlite":
            with self.reading() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")
        else:
            with self.writing() as connection:
                connection.exec_driver_sql("select 1")

    def close(self) -> None:
        """Let go of all connections."""
        self._writing.release()
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that reads; what it raises is `RecordUnavailable`."""
        with translated(self.engine), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection whose work is kept where the block ends well, and not at all otherwise."""
        with self._writing.connection() as connection, connection.begin():
            yield connection

    def _one(self, chosen: Select[Any]) -> Any:
        with self.reading() as connection:
            return connection.execute(chosen).scalar()

    def _introduce(self, connection: Connection, note: ReleaseNote) -> None:
        schema = {"sha256": note.schema_sha256, "document": note.schema}
        release = {"version": note.version, "feature_schema": note.schema_sha256, "manifest": note.manifest}
        connection.execute(self._insert(FEATURE_SCHEMA).on_conflict_do_nothing(), schema)
        connection.execute(self._insert(MODEL_RELEASE).on_conflict_do_nothing(), release)

    def _label(self, label: Label, received: datetime, source: Source) -> dict[str, Any]:
        (contract, event_id), fraud, arrived = label
        told = {"contract": contract, "event_id": str(event_id), "label": fraud, "arrived": arrived}
        return {**told, "received": received, "source": source}


def _is(prediction: str) -> tuple[ColumnElement[bool] | TextClause, ...]:
    """Return what tells the payment of an answer: its place, or the id alone where that does not tell it."""
    place, this = place_of(prediction), PAYMENT.c.prediction == prediction
    return (this, EARLIER_IDS) if place is None else (this, PAYMENT.c.place == place)
