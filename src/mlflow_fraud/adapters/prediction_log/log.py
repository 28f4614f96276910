"""The prediction log: payments with their answers, and labels, in a database."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

import polars as pl
from sqlalchemy import Connection, Select, and_, cast, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mlflow_fraud.adapters.prediction_log.alone import alone
from mlflow_fraud.adapters.prediction_log.connection import Synchronous, connect, translated
from mlflow_fraud.adapters.prediction_log.content import content_of, transaction_of, transactions_of
from mlflow_fraud.adapters.prediction_log.entries import Answer, Completed, Entry, Key, Label, Payment, ReleaseNote
from mlflow_fraud.adapters.prediction_log.tables import FEATURE_SCHEMA, LABEL, MODEL_RELEASE, PAYMENT
from mlflow_fraud.adapters.prediction_log.versions import begin
from mlflow_fraud.core.contract.contract import Contract

AT_ONCE = 50_000
"""So many rows are fetched at once where many are read."""

SEEDED_AT_ONCE = 10_000


class Told(NamedTuple):
    """A payment as the tables have it, with its release's `manifest` and `document` of features, and its labels."""

    payment: dict[str, Any]
    labels: list[dict[str, Any]]


class PredictionLog:
    """The record in a database. Every method is one transaction, and raises `RecordUnavailable` where it fails.

    Safe to use from several threads. `append` may be asked again for what it was given: what is there stays.
    """

    def __init__(self, address: str, *, synchronous: Synchronous = "normal") -> None:
        self._engine = connect(address, synchronous=synchronous)
        begin(self._engine)
        insert = sqlite.insert if self._engine.dialect.name == "sqlite" else postgresql.insert
        compiled = insert(PAYMENT).on_conflict_do_nothing().compile(dialect=self._engine.dialect)
        self._insert_payment, self._columns = str(compiled), compiled.positiontup or list(PAYMENT.c.keys())
        self._named = compiled.positiontup is None
        self._as_text = self._engine.dialect.name == "sqlite"
        self._insert = insert

    def __str__(self) -> str:
        """Where it is, without a password."""
        return self._engine.url.render_as_string(hide_password=True)

    def append(self, entries: Sequence[Entry]) -> None:
        """Add releases, then payments, then answers to payments, all or none; what is there already stays as it is."""
        payments = [self._row(entry) for entry in entries if isinstance(entry, Payment)]
        with self._transaction() as connection:
            for entry in entries:
                if isinstance(entry, ReleaseNote):
                    self._introduce(connection, entry)
            if payments:
                connection.exec_driver_sql(self._insert_payment, payments)
            for entry in entries:
                if isinstance(entry, Completed):
                    unanswered = update(PAYMENT).where(PAYMENT.c.place == entry.place, PAYMENT.c.prediction.is_(None))
                    connection.execute(unanswered.values(entry.answer._asdict()))

    def find(self, contract: Contract, event_id: Any) -> Payment | None:
        """Return the payment with this id, with its answer, or None."""
        chosen = _of(contract).where(PAYMENT.c.event_id == str(event_id))
        with self._reading() as connection:
            row = connection.execute(chosen).mappings().one_or_none()
        return row and _payment(row, contract)

    def add_label(self, label: Label, *, received: datetime, source: str) -> int | None:
        """Add what became known of a payment and return its number; None where the same is known already."""
        (contract, event_id), fraud, arrived = label
        row = {"contract": contract, "event_id": str(event_id), "label": fraud, "arrived": arrived}
        added = self._insert(LABEL).on_conflict_do_nothing().returning(LABEL.c.number)
        with self._transaction() as connection:
            return connection.execute(added, {**row, "received": received, "source": source}).scalar()

    def labels_of(self, key: Key) -> list[Label]:
        """Return all that became known of a payment, by arrival."""
        chosen = select(LABEL.c.label, LABEL.c.arrived).where(
            LABEL.c.contract == key[0], LABEL.c.event_id == str(key[1])
        )
        with self._reading() as connection:
            rows = connection.execute(chosen.order_by(LABEL.c.arrived, LABEL.c.number)).all()
        return [Label(key, row.label, row.arrived) for row in rows]

    def last_place(self) -> int:
        """Return the place of the newest payment; 0 where there is none."""
        with self._reading() as connection:
            return connection.execute(select(func.coalesce(func.max(PAYMENT.c.place), 0))).scalar_one()

    def newest_ids(self, at_most: int) -> tuple[list[tuple[str, str, datetime]], datetime | None]:
        """Return contract, id and time of the payments that came last, and up to when the times of all others are."""
        newest = select(PAYMENT.c.contract, PAYMENT.c.event_id, PAYMENT.c.event_time, PAYMENT.c.place)
        newest = newest.order_by(PAYMENT.c.place.desc()).limit(at_most)
        with self._reading() as connection:
            rows = connection.execute(newest).all()
            others = select(PAYMENT.c.event_time).where(PAYMENT.c.place < (rows[-1].place if rows else 0))
            until = connection.execute(others.order_by(PAYMENT.c.event_time.desc()).limit(1)).scalar()
        return [(row.contract, row.event_id, row.event_time) for row in rows], until

    def reached(self, contract: Contract, steady: int) -> datetime | None:
        """Return the earliest of the `steady` latest times; None where there is no payment."""
        times = select(PAYMENT.c.event_time).where(PAYMENT.c.contract == contract.name)
        latest = times.order_by(PAYMENT.c.event_time.desc()).limit(steady).subquery()
        with self._reading() as connection:
            return connection.execute(select(func.min(latest.c.event_time))).scalar()

    def has_before(self, contract: Contract, moment: datetime, *, until_place: int) -> bool:
        """Return whether one of the first payments is earlier than a moment."""
        earlier = select(PAYMENT.c.place).where(PAYMENT.c.contract == contract.name, PAYMENT.c.event_time < moment)
        earlier = earlier.where(PAYMENT.c.place <= until_place)
        with self._reading() as connection:
            return connection.execute(earlier.limit(1)).first() is not None

    def payments(self, contract: Contract, *, since: datetime | None, until_place: int) -> pl.DataFrame:
        """Return the transactions from `since` on, of the first places, as a table of the contract's columns.

        Beside these it has `place`, and `scores` as they were kept, in JSON.
        """
        chosen = _transactions(contract).where(PAYMENT.c.place <= until_place)
        if since is not None:
            chosen = chosen.where(PAYMENT.c.event_time >= since)
        return transactions_of(self._table(chosen, _PLACED), contract)

    def last_before(
        self, contract: Contract, before: datetime, by: Sequence[str], back: int, *, until_place: int
    ) -> pl.DataFrame:
        """Return of each card, or whatever `by` names, the `back` newest transactions before a time, as `payments`."""
        keys = [self._member(name) for name in by]
        order = (PAYMENT.c.event_time.desc(), PAYMENT.c.event_id.desc())
        ranked = _transactions(contract, func.row_number().over(partition_by=keys, order_by=order).label("rank"))
        ranked = ranked.where(PAYMENT.c.event_time < before, PAYMENT.c.place <= until_place).subquery()
        chosen = select(*[ranked.c[name] for name in _PLACED]).where(ranked.c.rank <= back)
        return transactions_of(self._table(chosen, _PLACED), contract)

    def replayed(self, contract: Contract, after_place: int) -> list[Payment]:
        """Return the payments behind a place, in the order in which they came."""
        chosen = _of(contract).where(PAYMENT.c.place > after_place).order_by(PAYMENT.c.place)
        with self._reading() as connection:
            return [_payment(row, contract) for row in connection.execute(chosen).mappings()]

    def labelled(self, contract: Contract, since: datetime | None = None) -> pl.DataFrame:
        """Return what became known from `since` on as `number`, `label` and `arrived`, beside the transactions."""
        known = (LABEL.c.number, LABEL.c.label, LABEL.c.arrived)
        same = and_(LABEL.c.contract == PAYMENT.c.contract, LABEL.c.event_id == PAYMENT.c.event_id)
        chosen = _transactions(contract, *known).join_from(LABEL, PAYMENT, same)
        if since is not None:
            chosen = chosen.where(LABEL.c.arrived >= since)
        return transactions_of(self._table(chosen, _PLACED | _LABELLED), contract)

    def seed(self, transactions: pl.DataFrame, contract: Contract, *, received: datetime) -> int:
        """Add recorded transactions with their labels behind what is there; return how many were not there yet.

        `transactions` has the contract's columns; `label` and `arrived` are what became known of each, and `scores`
        in JSON what it was scored with, or null.
        """
        place, before = self.last_place(), self.count(contract)
        with self._transaction() as connection:
            for part in transactions.iter_slices(SEEDED_AT_ONCE):
                rows = part.to_dicts()
                payments = [
                    Payment(
                        place + number,
                        contract.name,
                        _without(row, ("label", "arrived", "scores")),
                        received,
                        "history",
                        row["scores"] and json.loads(row["scores"]),
                    )
                    for number, row in enumerate(rows, start=1)
                ]
                connection.exec_driver_sql(self._insert_payment, [self._row(payment) for payment in payments])
                known = [
                    {
                        "contract": contract.name,
                        "event_id": str(row["event_id"]),
                        "label": row["label"],
                        "arrived": row["arrived"],
                        "received": received,
                        "source": "history",
                    }
                    for row in rows
                    if row["arrived"] is not None
                ]
                if known:
                    connection.execute(self._insert(LABEL).on_conflict_do_nothing(), known)
                place += len(rows)
        return self.count(contract) - before

    def take_over(self, entries: Iterable[Mapping[str, Any]], *, received: datetime) -> int:
        """Add what a journal holds, all or none; return how many payments it had. See `old_journal`."""
        place, payments, labels = self.last_place(), [], []
        for entry in entries:
            if "scored" in entry:
                contract, transaction = entry["scored"]
                place += 1
                payments.append(self._row(Payment(place, contract, transaction, received, "journal")))
            else:
                (contract, event_id), label, arrived = entry["label"]
                told = {"contract": contract, "event_id": str(event_id), "label": label, "arrived": arrived}
                labels.append({**told, "received": received, "source": "journal"})
        with self._transaction() as connection:
            if payments:
                connection.exec_driver_sql(self._insert_payment, payments)
            if labels:
                connection.execute(self._insert(LABEL).on_conflict_do_nothing(), labels)
        return len(payments)

    def by_prediction(self, prediction: str) -> Told | None:
        """Return what is kept of an answer, or None where none has this id."""
        payments = select(PAYMENT, MODEL_RELEASE.c.manifest, FEATURE_SCHEMA.c.document)
        payments = payments.outerjoin(MODEL_RELEASE, MODEL_RELEASE.c.version == PAYMENT.c.release)
        payments = payments.outerjoin(FEATURE_SCHEMA, FEATURE_SCHEMA.c.sha256 == MODEL_RELEASE.c.feature_schema)
        with self._reading() as connection:
            row = connection.execute(payments.where(PAYMENT.c.prediction == prediction)).mappings().first()
            if row is None:
                return None
            mine = (LABEL.c.contract == row["contract"], LABEL.c.event_id == row["event_id"])
            labels = connection.execute(select(LABEL).where(*mine).order_by(LABEL.c.number)).mappings().all()
        return Told(dict(row), [dict(label) for label in labels])

    def count(self, contract: Contract) -> int:
        """Return how many payments of a contract there are."""
        with self._reading() as connection:
            chosen = select(func.count()).select_from(PAYMENT).where(PAYMENT.c.contract == contract.name)
            return connection.execute(chosen).scalar_one()

    def last_label(self) -> int:
        """Return the number of the newest label; 0 where there is none."""
        with self._reading() as connection:
            return connection.execute(select(func.coalesce(func.max(LABEL.c.number), 0))).scalar_one()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the one service of this record until the block ends; raise `DataError` where another one is."""
        with alone(self._engine):
            yield

    def tidy(self) -> None:
        """Move what was written from SQLite's log into its file; elsewhere the server does it."""
        if self._as_text:
            with translated(self._engine), self._engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    def _member(self, name: str) -> Any:
        """Return a column of the transaction that has none in the table."""
        if self._as_text:
            return func.json_extract(PAYMENT.c.content, f'$."{name}"')
        return cast(PAYMENT.c.content, postgresql.JSON)[name].as_string()

    def _introduce(self, connection: Connection, note: ReleaseNote) -> None:
        schema = {"sha256": note.schema_sha256, "document": note.schema}
        release = {"version": note.version, "feature_schema": note.schema_sha256, "manifest": note.manifest}
        connection.execute(self._insert(FEATURE_SCHEMA).on_conflict_do_nothing(), schema)
        connection.execute(self._insert(MODEL_RELEASE).on_conflict_do_nothing(), release)

    def _row(self, payment: Payment) -> Any:
        """Return the values as the driver takes them: the one insert of the hot path goes around SQLAlchemy's types."""
        told = self._moment
        answer = payment.answer or _NO_ANSWER
        values = {
            "place": payment.place,
            "contract": payment.contract,
            "event_id": str(payment.transaction["event_id"]),
            "event_time": told(payment.transaction["event_time"]),
            "received": told(payment.received),
            "source": payment.source,
            "content": content_of(payment.transaction),
            "scores": None if payment.scores is None else json.dumps(payment.scores, separators=(",", ":")),
            "prediction": answer.prediction,
            "release": answer.release,
            "features": answer.features,
            "probability": answer.probability,
            "flagged": answer.flagged,
            "threshold": answer.threshold,
            "took_us": answer.took_us,
        }
        return values if self._named else tuple(values[name] for name in self._columns)

    def _moment(self, moment: datetime) -> Any:
        return moment.isoformat(" ", "microseconds") if self._as_text else moment

    def _table(self, chosen: Select[Any], form: Mapping[str, Any]) -> pl.DataFrame:
        with self._reading() as connection:
            rows = connection.execution_options(yield_per=AT_ONCE).execute(chosen)
            parts = [pl.DataFrame([tuple(row) for row in part], form, orient="row") for part in rows.partitions()]
        return pl.concat(parts) if parts else pl.DataFrame(schema=form)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with translated(self._engine), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with translated(self._engine), self._engine.connect() as connection:
            yield connection


_PLACED = {
    "place": pl.Int64,
    "event_id": pl.String,
    "event_time": pl.Datetime("us"),
    "content": pl.String,
    "scores": pl.String,
}
_LABELLED = {"number": pl.Int64, "label": pl.Int8, "arrived": pl.Datetime("us")}


class _Nothing:
    prediction = release = features = probability = flagged = threshold = took_us = None


_NO_ANSWER: Any = _Nothing()


def _without(row: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def _transactions(contract: Contract, *more: Any) -> Select[Any]:
    return select(*[PAYMENT.c[name] for name in _PLACED], *more).where(PAYMENT.c.contract == contract.name)


def _of(contract: Contract) -> Select[Any]:
    return select(PAYMENT).where(PAYMENT.c.contract == contract.name)


def _payment(row: Mapping[str, Any], contract: Contract) -> Payment:
    answer = None
    if row["prediction"] is not None:
        answer = Answer(
            row["prediction"],
            row["release"],
            bytes(row["features"]),
            row["probability"],
            bool(row["flagged"]),
            row["threshold"],
            row["took_us"],
        )
    transaction = transaction_of(row["event_id"], row["event_time"], row["content"], contract)
    scores = None if row["scores"] is None else json.loads(row["scores"])
    return Payment(row["place"], contract.name, transaction, row["received"], row["source"], scores, answer)
