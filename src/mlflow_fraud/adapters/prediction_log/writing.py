"""The one connection by which a record is written: a service that has a server's record has it by this connection."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
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

    def connection(self) -> AbstractContextManager[Connection]:
        """Give the connection; whatever is left of a transaction that failed is rolled back.

        Raises `RecordUnavailable` where there is none to be had.
        """
        return _Lent(self)

    def take(self) -> Connection:
        """Take the connection until `give_back`, or raise `RecordUnavailable`."""
        self._lock.acquire()
        if self._connection is not None:
            return self._connection
        try:
            with translated(self._engine):
                return self._opened(self._claim)
        except BaseException:
            self._lock.release()
            raise

    def give_back(self, connection: Connection, error: BaseException | None) -> None:
        """End what `take` began; raise `RecordUnavailable` for what the database said."""
        try:
            if error is not None:
                if not _rolled_back(connection):
                    self._drop()
                with translated(self._engine):
                    raise error
        finally:
            self._lock.release()

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


class _Lent:
    """The connection while one has it: a context without a generator, since every answer waits for it."""

    __slots__ = ("_connection", "_of")

    def __init__(self, of: Writing) -> None:
        self._of = of

    def __enter__(self) -> Connection:
        self._connection = self._of.take()
        return self._connection

    def __exit__(self, kind: object, error: BaseException | None, place: object) -> None:
        self._of.give_back(self._connection, error)


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
