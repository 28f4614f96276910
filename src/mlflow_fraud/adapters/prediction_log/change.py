"""A change of the record by a person's command: whole or not at all, and what it deletes is overwritten."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text

from mlflow_fraud.adapters.prediction_log.connection import translated

PATIENT_SECONDS = 30
"""So long a command waits for a service's lock on an SQLite file, which is held for milliseconds."""


@contextmanager
def change(engine: Engine) -> Iterator[Connection]:
    """Give a connection in one transaction, which is kept when the block ends well."""
    with translated(engine), engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete=ON")
            connection.exec_driver_sql(f"PRAGMA busy_timeout={PATIENT_SECONDS * 1000}")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
        yield connection
        connection.commit()
