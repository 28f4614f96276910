"""One service at a time has a record: two would each know half of a card's past."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select

from mlflow_fraud.adapters.prediction_log.connection import where
from mlflow_fraud.adapters.prediction_log.entries import Payment
from mlflow_fraud.adapters.prediction_log.tables import PAYMENT
from mlflow_fraud.adapters.prediction_log.writing import Writing
from mlflow_fraud.core.errors import DataError, RecordUnavailable

LOCK = 0x667261756421
"""The number of the lock that a service holds in PostgreSQL."""

LETS_GO, PAUSE = 1.0, 0.05
"""Seconds in which the server lets go of what a closed connection held, and how often a restarted service looks."""


class Own:
    """The payments that this program wrote: to know those of another one that had the record meanwhile.

    `last` is the newest place that is surely written; `perhaps` were given to a connection that may break before it
    says whether it took them.
    """

    def __init__(self) -> None:
        self.last = 0
        self.perhaps: Sequence[Payment] = ()

    def begin(self, connection: Connection) -> None:
        """Begin behind all that is there."""
        self.wrote(connection.execute(select(func.max(PAYMENT.c.place))).scalar() or 0)

    def gives(self, payments: Sequence[Payment]) -> None:
        """Note what the connection is given now; of what it was given before it has told."""
        self.perhaps = payments

    def wrote(self, place: int) -> None:
        """Note that all up to a place is written."""
        self.last, self.perhaps = max(self.last, place), ()

    def others(self, connection: Connection) -> int:
        """Return how many payments behind the last one are another program's; where none is, all is told."""
        behind = select(PAYMENT.c.place, PAYMENT.c.contract, PAYMENT.c.event_id).where(PAYMENT.c.place > self.last)
        found = {(place, contract, event_id) for place, contract, event_id in connection.execute(behind)}
        perhaps = {(each.place, each.contract, str(each.transaction["event_id"])) for each in self.perhaps}
        if found <= perhaps:
            self.wrote(max((place for place, *_ in found), default=0))
        return len(found - perhaps)


@contextmanager
def alone(engine: Engine, writing: Writing | None = None, own: Own | None = None) -> Iterator[None]:
    """Be the one service of a record until the block ends; raise `DataError` where another one is.

    A server's record is held by the connection `writing`: where that breaks, nothing is written until it is held again,
    and never again once somebody else's payments are behind one's `own`.
    """
    file = engine.url.database if engine.dialect.name == "sqlite" else None
    with _by_file(Path(file)) if file else _by_server(engine, writing or Writing(engine), own):
        yield


@contextmanager
def _by_file(file: Path) -> Iterator[None]:
    descriptor = os.open(file.with_name(f"{file.name}-service"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _taken(str(file)) from None
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _by_server(engine: Engine, writing: Writing, own: Own | None) -> Iterator[None]:
    def first(connection: Connection) -> None:
        end = time.monotonic() + LETS_GO
        while not _locked(connection):
            if time.monotonic() > end:
                raise _taken(where(engine))
            time.sleep(PAUSE)
        if own:
            own.begin(connection)

    def again(connection: Connection) -> None:
        if not _locked(connection):
            raise RecordUnavailable(
                f"the record at {where(engine)} was lost to another service while its database was away; "
                "stop that one, or this one: only one of them is to answer"
            )
        others = own.others(connection) if own else 0
        if others:
            raise RecordUnavailable(
                f"the record at {where(engine)} has {others} payments of another service that came while its database "
                "was away; start this service again, so that it knows them too: what waits here is lost to the record"
            )

    writing.hold(first, again)
    try:
        yield
    finally:
        writing.release()


def _locked(connection: Connection) -> bool:
    return bool(connection.execute(select(func.pg_try_advisory_lock(LOCK))).scalar())


def _taken(record: str) -> DataError:
    return DataError(
        f"the record at {record} is in use by another service: two would each know half of a card's past; "
        "stop that one, or set FRAUD_PREDICTION_LOG to another database"
    )
