"""One service at a time has a record: two would each know half of a card's past."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, func, select

from mlflow_fraud.adapters.prediction_log.connection import translated, where
from mlflow_fraud.core.errors import DataError

LOCK = 0x667261756421
"""The number of the lock that a service holds in PostgreSQL."""


@contextmanager
def alone(engine: Engine) -> Iterator[None]:
    """Be the one service of a record until the block ends; raise `DataError` where another one is."""
    file = engine.url.database if engine.dialect.name == "sqlite" else None
    with _by_file(Path(file)) if file else _by_server(engine):
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
def _by_server(engine: Engine) -> Iterator[None]:
    with translated(engine), engine.connect() as connection:
        if not connection.execute(select(func.pg_try_advisory_lock(LOCK))).scalar():
            raise _taken(where(engine))
        connection.commit()  # the lock is the session's, and stays
        yield


def _taken(record: str) -> DataError:
    return DataError(
        f"the record at {record} is in use by another service: two would each know half of a card's past; "
        "stop that one, or set FRAUD_PREDICTION_LOG to another database"
    )
