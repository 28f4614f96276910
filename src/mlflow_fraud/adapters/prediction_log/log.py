"""The prediction log: payments with their answers, and labels, in a database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from math import isnan
from typing import Any, Literal, NamedTuple

import numpy as np
from sqlalchemy import Connection, Select, func, select, update

from mlflow_fraud.adapters.prediction_log.alone import alone
from mlflow_fraud.adapters.prediction_log.connection import Synchronous, connect, translated, where
from mlflow_fraud.adapters.prediction_log.entries import Completed, Entry, Key, Label, Payment, ReleaseNote, Source
from mlflow_fraud.adapters.prediction_log.hot_insert import HotInsert
from mlflow_fraud.adapters.prediction_log.rows import PaymentRows, insert_into, payment_of
from mlflow_fraud.adapters.prediction_log.tables import FEATURE_SCHEMA, LABEL, MODEL_RELEASE, PAYMENT
from mlflow_fraud.adapters.prediction_log.versions import begin
from mlflow_fraud.core.contract.contract import Contract

Part = tuple[Sequence[Payment], Sequence[Label]]
"""Payments, and what became known of them, as many as are in memory at once."""


class Told(NamedTuple):
    """A payment as the tables have it, with its release's `manifest` and `document` of features, and its labels."""

    payment: Mapping[str, Any]
    labels: Sequence[Mapping[str, Any]]

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
    stays.
    """

    def __init__(self, address: str, *, synchronous: Synchronous = "normal") -> None:
        self.engine = connect(address, synchronous=synchronous)
        begin(self.engine)
        self._rows, self._insert = PaymentRows(self.engine.dialect), insert_into(self.engine.dialect)
        self._hot = HotInsert(self.engine, self._rows.insert)

    def __str__(self) -> str:
        """Where it is, without a password."""
        return where(self.engine)

    def append(self, entries: Sequence[Entry]) -> None:
        """Add releases, then payments, then answers to payments, all or none; what is there already stays as it is."""
        payments = [self._rows.of(entry) for entry in entries if isinstance(entry, Payment)]
        if len(payments) == len(entries):
            self._hot.add(payments)
            return
        with self._transaction() as connection:
            for entry in entries:
                if isinstance(entry, ReleaseNote):
                    self._introduce(connection, entry)
            if payments:
                connection.exec_driver_sql(self._rows.insert, payments)
            for entry in entries:
                if isinstance(entry, Completed):
                    unanswered = update(PAYMENT).where(PAYMENT.c.place == entry.place, PAYMENT.c.prediction.is_(None))
                    connection.execute(unanswered.values(entry.answer._asdict()))

    def take_in(self, parts: Iterable[Part], *, received: datetime, source: Source) -> None:
        """Add what comes from elsewhere than a service, all or none; what is there already stays as it is."""
        with self._transaction() as connection:
            for payments, labels in parts:
                if payments:
                    connection.exec_driver_sql(self._rows.insert, [self._rows.of(payment) for payment in payments])
                if labels:
                    known = [self._label(label, received, source) for label in labels]
                    connection.execute(self._insert(LABEL).on_conflict_do_nothing(), known)

    def add_label(self, label: Label, *, received: datetime, source: Source) -> int | None:
        """Add what became known of a payment and return its number; None where the same is known already."""
        added = self._insert(LABEL).on_conflict_do_nothing().returning(LABEL.c.number)
        with self._transaction() as connection:
            number: int | None = connection.execute(added, self._label(label, received, source)).scalar()
        return number

    def find(self, contract: Contract, event_id: Any) -> Payment | None:
        """Return the payment with this id, with its answer, or None."""
        chosen = select(PAYMENT).where(PAYMENT.c.contract == contract.name, PAYMENT.c.event_id == str(event_id))
        with self.reading() as connection:
            row = connection.execute(chosen).one_or_none()
        return payment_of(row, contract) if row else None

    def labels_of(self, key: Key) -> list[Label]:
        """Return all that became known of a payment, by arrival."""
        contract, event_id = key
        chosen = select(LABEL.c.label, LABEL.c.arrived)
        chosen = chosen.where(LABEL.c.contract == contract, LABEL.c.event_id == str(event_id))
        with self.reading() as connection:
            rows = connection.execute(chosen.order_by(LABEL.c.arrived, LABEL.c.number)).all()
        return [Label(key, row.label, row.arrived) for row in rows]

    def by_prediction(self, prediction: str) -> Told | None:
        """Return what is kept of an answer, or None where none has this id."""
        payments = select(PAYMENT, MODEL_RELEASE.c.manifest, FEATURE_SCHEMA.c.document)
        payments = payments.outerjoin(MODEL_RELEASE, MODEL_RELEASE.c.version == PAYMENT.c.release)
        payments = payments.outerjoin(FEATURE_SCHEMA, FEATURE_SCHEMA.c.sha256 == MODEL_RELEASE.c.feature_schema)
        with self.reading() as connection:
            row = connection.execute(payments.where(PAYMENT.c.prediction == prediction)).mappings().first()
            if row is None:
                return None
            mine = (LABEL.c.contract == row["contract"], LABEL.c.event_id == row["event_id"])
            labels = connection.execute(select(LABEL).where(*mine).order_by(LABEL.c.number)).mappings().all()
        return Told({**row}, [{**label} for label in labels])

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
            return [(contract, event_id) for contract, event_id in connection.execute(chosen)]

    def alone(self) -> AbstractContextManager[None]:
        """Be the one service of this record until the block ends; raise `DataError` where another one is."""
        return alone(self.engine)

    def tidy(self) -> None:
        """Move what was written from SQLite's log into its file; elsewhere the server does it."""
        if self.engine.dialect.name == "sqlite":
            with self.reading() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Let go of all connections."""
        self._hot.close()
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that reads; what it raises is `RecordUnavailable`."""
        with translated(self.engine), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with translated(self.engine), self.engine.begin() as connection:
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
