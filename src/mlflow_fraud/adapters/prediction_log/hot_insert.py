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

    def add(self, connection: Connection, rows: Sequence[Any]) -> None:
        """Add all or none; raise `RecordUnavailable` where that cannot be done now, `DataError` where it never can.

        After an error the transaction is to be rolled back.
        """
        driven = connection.connection
        try:
            cursor = driven.cursor()
            if len(rows) == 1:
                cursor.execute(self._statement, rows[0])
            else:
                cursor.executemany(self._statement, rows)
            driven.commit()
        except (self._driver.DataError, self._driver.IntegrityError) as error:
            raise DataError(f"no record takes what a payment holds ({type(error).__name__})") from None
        except self._driver.Error as error:
            raise unavailable(self._engine, error) from None
