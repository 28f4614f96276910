"""All rows of one record go into another, whichever databases the two are in."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, Table, func, insert, select, text

from mlflow_fraud.adapters.prediction_log.tables import (
    AUDIT,
    CORRECTION,
    FEATURE_SCHEMA,
    LABEL,
    MODEL_RELEASE,
    PAYMENT,
    QUARANTINE,
    TOMBSTONE,
)

TABLES: tuple[Table, ...] = (
    FEATURE_SCHEMA,
    MODEL_RELEASE,
    PAYMENT,
    LABEL,
    CORRECTION,
    TOMBSTONE,
    QUARANTINE,
    AUDIT,
)
"""All of a record, each after what it refers to."""

AT_ONCE = 5_000
"""So many rows are in memory at once."""


def copy_rows(source: Connection, target: Connection) -> Mapping[str, int]:
    """Add all rows of `source` to empty tables of `target`; return how many each table has now."""
    copied = {}
    for table in TABLES:
        copied[table.name] = 0
        rows = source.execute(select(table).order_by(*table.primary_key), execution_options={"yield_per": AT_ONCE})
        for part in rows.mappings().partitions():
            target.execute(insert(table), [dict(row) for row in part])
            copied[table.name] += len(part)
    _count_on(target)
    return copied


def _count_on(target: Connection) -> None:
    """Let a server's own counters go on behind what was copied; SQLite looks for itself."""
    if target.dialect.name != "postgresql":
        return
    for table in (LABEL, CORRECTION, QUARANTINE, AUDIT):
        newest = target.execute(select(func.max(table.c.number))).scalar()
        if newest is not None:
            counter = func.pg_get_serial_sequence(table.name, "number")
            target.execute(select(func.setval(counter, newest)))


def holds_nothing(connection: Connection) -> bool:
    """Return whether a record has no row in any of its tables."""
    return not any(connection.execute(select(text("1")).select_from(table).limit(1)).first() for table in TABLES)
