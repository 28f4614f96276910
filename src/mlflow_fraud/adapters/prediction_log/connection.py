"""A connection to the record's database: SQLite in a file, or PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from mlflow_fraud.core.errors import NoRecord, RecordUnavailable, SettingsError

Synchronous = Literal["normal", "full"]
"""What a commit waits for in SQLite: `normal` for the operating system, `full` for the disk."""

SECONDS = 3
"""So long a server may take to take a connection, a statement or a packet."""

ENDED_SOON = "-c tcp_keepalives_idle=3 -c tcp_keepalives_interval=1 -c tcp_keepalives_count=3"
"""So that a server lets go of the lock of a connection that a broken line has ended on this side alone."""

BUSY_SECONDS = 1.0
"""So long one writer waits for another one's lock on an SQLite file."""

DAMAGED = ("database disk image is malformed", "file is not a database")
"""What SQLite says of a file that was cut off or written over."""


def connect(address: str, *, synchronous: Synchronous = "normal", make: bool = True) -> Engine:
    """Return the engine for `sqlite:///<file>` or `postgresql+psycopg://<user>@<host>/<database>`.

    Nothing is opened yet; a file that is not there is made. Raises `SettingsError` for an address that names no such
    database, and `DataError` where the file is not to be made and not there.
    """
    url = _url_of(address)
    if url.drivername == "sqlite":
        file = Path(url.database or "")
        if make:
            _make_private(file)
        elif not file.is_file():
            raise no_record(str(file))
        engine = create_engine(url, poolclass=QueuePool, connect_args={"timeout": BUSY_SECONDS})
        event.listen(engine, "connect", _sqlite_set_up(synchronous))
        return engine
    wait = {
        "connect_timeout": SECONDS,
        "tcp_user_timeout": SECONDS * 1000,
        "options": f"-c statement_timeout={SECONDS * 1000} -c timezone=UTC {ENDED_SOON}",
        "application_name": "mlflow-fraud",
    }
    return create_engine(url, connect_args=wait, pool_pre_ping=True)


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Turn what the database says into `RecordUnavailable`: its reason, without address, password or values."""
    try:
        yield
    except SQLAlchemyError as error:
        raise unavailable(engine, getattr(error, "orig", None) or error) from None


def where(engine: Engine) -> str:
    """Return where a record is, without its password."""
    return engine.url.render_as_string(hide_password=True)


class RecordDamaged(RecordUnavailable):
    """The file is torn: no later try reads it, only a backup in its place."""


def unavailable(engine: Engine, error: BaseException) -> RecordUnavailable:
    """Return what the driver says as one sentence, without address, password or values."""
    said = " ".join(str(error).split())[:200]
    if any(word in said for word in DAMAGED):
        return RecordDamaged(
            f"the record at {where(engine)} is damaged ({said}); stop the service, put the newest backup in the "
            "place of the file and of those beside it, and start it again"
        )
    return RecordUnavailable(f"the record at {where(engine)} cannot be used now: {said}")


def no_record(place: str) -> NoRecord:
    """Return what to say where a record is expected and none is."""
    return NoRecord(
        f"there is no record at {place}; a service makes it at its start and `mlflow-fraud record seed` fills it. "
        "FRAUD_PREDICTION_LOG says where it is"
    )


def _url_of(address: str) -> URL:
    expected = "expected sqlite:///<file> or postgresql+psycopg://<user>@<host>/<database>"
    try:
        url = make_url(address)
        url.get_dialect()
    except (ArgumentError, NoSuchModuleError, ImportError):
        raise SettingsError(f"FRAUD_PREDICTION_LOG names no database; {expected}") from None
    if url.drivername not in ("sqlite", "postgresql+psycopg") or not url.database or url.database == ":memory:":
        raise SettingsError(
            f"FRAUD_PREDICTION_LOG is {url.render_as_string(hide_password=True)}, which the record is not kept in; "
            f"{expected}"
        )
    return url


def _make_private(file: Path) -> None:
    """Make the file for its owner alone, before SQLite makes it for all: payments lie in it as they came."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise SettingsError(
            f"{file} cannot hold the record ({error.strerror}); set FRAUD_PREDICTION_LOG to a file that can be written"
        ) from None


def gives_room_back(connection: Any, _: object) -> None:
    """Let a new file give the room of deleted rows back when it is asked to, see `space.give_back`: first of all."""
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")


def _sqlite_set_up(synchronous: Synchronous) -> Any:
    def set_up(connection: Any, _: object) -> None:
        gives_room_back(connection, None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous.upper()}")
        connection.execute("PRAGMA wal_autocheckpoint=0")  # a thread of its own does it: see `PredictionLog.tidy`
        connection.execute("PRAGMA foreign_keys=ON")

    return set_up
