"""A backup: the whole record as it was at one moment, in one SQLite file, whatever database it is in."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event

from mlflow_fraud.adapters.files import replacing
from mlflow_fraud.adapters.prediction_log.connection import gives_room_back, translated
from mlflow_fraud.adapters.prediction_log.copying import copy_rows
from mlflow_fraud.adapters.prediction_log.snapshot import snapshot
from mlflow_fraud.adapters.prediction_log.versions import make_tables, require_newest
from mlflow_fraud.core.errors import DataError


def write_backup(engine: Engine, file: Path) -> Mapping[str, int]:
    """Write a record into a file of its owner alone, whole or not at all; return how many rows each table has.

    A service goes on writing meanwhile. Raises `DataError` where the file is there or cannot be written.
    """
    if file.exists():
        raise DataError(f"{file} is there; a backup takes the place of nothing: give it a name of its own")
    try:
        with replacing(file) as pending:
            os.close(os.open(pending, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            target = create_engine(URL.create("sqlite", database=str(pending)))
            event.listen(target, "connect", gives_room_back)
            try:
                make_tables(target)
                with snapshot(engine) as source, translated(target), target.begin() as connection:
                    copied = copy_rows(source, connection)
            finally:
                target.dispose()
            require_whole(pending)
            _on_disk(pending)
        return copied
    except OSError as error:
        raise DataError(f"{file} cannot be written ({error.strerror}); give a backup a place with room") from None


@contextmanager
def reading_backup(file: Path) -> Iterator[Connection]:
    """Give a connection to what a backup holds; raise `DataError` for what is none, not whole, or of another step."""
    require_whole(file)
    engine = create_engine(URL.create("sqlite", database=str(file)))
    try:
        require_newest(engine)
        with snapshot(engine) as connection:
            yield connection
    finally:
        engine.dispose()


def require_whole(file: Path) -> None:
    """Raise `DataError` where a file is no whole SQLite database."""
    if not file.is_file():
        raise DataError(f"{file} is not there; expected a file that `mlflow-fraud record backup` wrote")
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            (said,) = database.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        said = str(error)
    if said != "ok":
        raise DataError(f"{file} is no whole backup ({said}); take another one")


def _on_disk(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
