"""The insert that answers wait for: on a connection of its own, by the database's driver alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, PoolProxiedConnection

from mlflow_fraud.adapters.prediction_log.connection import translated, unavailable


class HotInsert:
    """Adds rows in one transaction. SQLAlchemy opens the connection and is not asked for a row, which costs more."""

    def __init__(self, engine: Engine, statement: str) -> None:
        self._engine, self._statement = engine, statement
        self._error = engine.dialect.loaded_dbapi.Error
        self._connection: PoolProxiedConnection | None = None

    def add(self, rows: Sequence[Any]) -> None:
        """Add all or none; raise `RecordUnavailable` where that cannot be done now."""
        with translated(self._engine):
            connection = self._connection = self._connection or self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            if len(rows) == 1:
                cursor.execute(self._statement, rows[0])
            else:
                cursor.executemany(self._statement, rows)
            connection.commit()
        except self._error as error:
            self._connection = None
            connection.invalidate()  # whatever is left of the transaction goes with it
            raise unavailable(self._engine, error) from None

    def close(self) -> None:
        """Give the connection back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
