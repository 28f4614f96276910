"""The database behind MLflow, looked at before MLflow is: MLflow itself tries a bad one for two minutes."""

from __future__ import annotations

from typing import Any


def check_database(uri: str, *, seconds: int) -> None:
    """Raise what SQLAlchemy and the driver raise where the database at `uri` cannot be opened within `seconds`."""
    if "://" not in uri:
        return  # not a database; what it is, MLflow says
    from sqlalchemy import create_engine, inspect, make_url
    from sqlalchemy.pool import NullPool

    told: dict[str, Any] = {"connect_timeout": seconds} if make_url(uri).get_backend_name() == "postgresql" else {}
    engine = create_engine(uri, connect_args=told, poolclass=NullPool)
    try:
        inspect(engine).get_table_names()
    finally:
        engine.dispose()
