"""One moment of the record, to read from for as long as it takes, whatever is written meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text

from mlflow_fraud.adapters.prediction_log.connection import translated


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """Give a connection that sees the record as it is now until the block ends; nobody waits for it.

    SQLite's log ahead of its file grows meanwhile. A server's limit on the time of a statement is lifted.
    """
    with translated(engine), engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
            connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar()  # the first look is the moment
        else:
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            connection.execute(text("SET LOCAL statement_timeout = 0"))
        yield connection
