"""The insert that answers wait for: by the database's driver alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine

from mlflow_fraud.adapters.prediction_log.connection import unavailable
from mlflow_fraud.core.errors import DataError


class HotInsert:
    """Adds rows in one transaction. SQLAlchemy opens the connection and is not asked for a row, which costs more."""

    def __init__(self, engine: Engine, statement: str) -> None:
        self._engine, self._statement = engine, statement
        self._driver = engine.dialect.loaded_dbapi
        self._asks_a_server = engine.dialect.name != "sqlite"

    def add(self, connection: Connection, rows: Sequence[Any]) -> None:
        """Add all or none; raise `RecordUnavailable` where that cannot be done now, `DataError` where it never can.

        After an error the transaction is to be rolled back.
        """
        driven: Any = connection.connection.dbapi_connection
        try:
            if len(rows) == 1:
                self._add_one(driven, rows[0])
            else:
                driven.cursor().executemany(self._statement, rows)
                driven.commit()
        except (self._driver.DataError, self._driver.IntegrityError) as error:
            raise DataError(f"no record takes what a payment holds ({type(error).__name__})") from None
        except self._driver.Error as error:
            raise unavailable(self._engine, error) from None

    def _add_one(self, driven: Any, row: Any) -> None:
        """Add one row in one word: a beginning and an end would be two more, to a server two more round trips."""
        if self._asks_a_server:
            driven.autocommit = True
            try:
                driven.execute(self._statement, row)
            finally:
                if not driven.closed:
                    driven.autocommit = False
            return
        began_by_itself, driven.isolation_level = driven.isolation_level, None
        try:
            driven.execute(self._statement, row)
        finally:
            driven.isolation_level = began_by_itself
