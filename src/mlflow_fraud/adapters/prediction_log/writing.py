"""The one connection by which a record is written: a service that has a server's record has it by this connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from mlflow_fraud.adapters.prediction_log.connection import translated

Claim = Callable[[Connection], None]


class Writing:
    """Gives its connection to one at a time, and opens another one where it broke.

    Between `hold` and `release` no connection is given before the claim is made on it, so that nothing is written by
    one who has lost the record to another.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine, self._lock = engine, Lock()
        self._connection: Connection | None = None
        self._claim: Claim | None = None

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Give the connection; whatever is left of a transaction that failed is rolled back.

        Raises `RecordUnavailable` where there is none to be had.
        """
        with self._lock, translated(self._engine):
            connection = self._connection or self._opened(self._claim)
            try:
                yield connection
            except BaseException:
                if not _rolled_back(connection):
                    self._drop()
                raise

    def hold(self, first: Claim, again: Claim) -> None:
        """Make a claim on a new connection now, and `again` on every one that takes its place."""
        with self._lock, translated(self._engine):
            self._drop()
            self._opened(first)
            self._claim = again

    def release(self) -> None:
        """Let go of the connection, and of what was claimed on it."""
        with self._lock:
            self._claim = None
            self._drop()

    def _opened(self, claim: Claim | None) -> Connection:
        connection = self._engine.connect()
        try:
            if claim:
                claim(connection)
                connection.commit()  # the lock is the session's, and stays
        except BaseException:
            _end(connection)
            raise
        self._connection = connection
        return connection

    def _drop(self) -> None:
        if self._connection is not None:
            _end(self._connection)
            self._connection = None


def _rolled_back(connection: Connection) -> bool:
    """Return whether a connection is as good as before, without what was not committed."""
    try:
        if not connection.invalidated:
            connection.rollback()
            connection.connection.rollback()  # of what the driver was given past SQLAlchemy
            return True
    except Exception:  # the driver's own, or SQLAlchemy's: the connection is no more
        return False
    return False


def _end(connection: Connection) -> None:
    """Close the connection itself: in a pool it would live on, with its lock."""
    try:
        connection.invalidate()
        connection.close()
    except SQLAlchemyError:
        return  # it is no more
