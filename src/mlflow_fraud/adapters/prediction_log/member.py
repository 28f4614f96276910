"""A column of the transaction that has none in the table, in the database's own words."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Dialect, cast, func
from sqlalchemy.dialects.postgresql import JSON

from mlflow_fraud.adapters.prediction_log.tables import PAYMENT


def member(dialect: Dialect, name: str, content: Any = PAYMENT.c.content) -> Any:
    """Return the value of a column in a transaction's content."""
    if dialect.name == "sqlite":
        return func.json_extract(content, f'$."{name}"')
    return cast(content, JSON)[name].as_string()
