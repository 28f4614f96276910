"""The room that deleted rows had in SQLite: given back, or written anew without a trace of them."""

from __future__ import annotations

from pathlib import Path
from time import monotonic, sleep

from sqlalchemy import Engine

from mlflow_fraud.adapters.prediction_log.change import PATIENT_SECONDS
from mlflow_fraud.adapters.prediction_log.connection import translated

PAGES = 500
"""So many pages are given back in one step: some milliseconds."""
WAIT = 10.0
"""Seconds to wait until nobody reads from the log that is to be emptied."""


def file_of(engine: Engine) -> Path | None:
    """Return the file of a record in SQLite, None of one in a server."""
    return Path(engine.url.database or "") if engine.dialect.name == "sqlite" else None


def empty_log(engine: Engine) -> bool:
    """Move SQLite's log into its file and cut it to nothing; return whether nobody read from it all the time."""
    end = monotonic() + WAIT
    while True:
        with translated(engine), engine.connect() as connection:
            busy, _, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        if not busy:
            return True
        if monotonic() > end:
            return False
        sleep(0.2)


def rewrite(engine: Engine) -> None:
    """Write SQLite's file anew: nothing is left in it but what its tables hold; nobody else writes meanwhile."""
    with translated(engine), engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={PATIENT_SECONDS * 1000}")
        connection.exec_driver_sql("VACUUM")


def give_back(engine: Engine, *, pause: float) -> int | None:
    """Give the pages that are empty back to the disk, some at a time; return the bytes, None where that cannot be.

    It can be where the file was made to do so, as all new ones are; in others what is empty is used again.
    """
    with translated(engine), engine.connect() as connection:
        if connection.exec_driver_sql("PRAGMA auto_vacuum").scalar() != 2:
            return None
        size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
        first = free = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA busy_timeout={PATIENT_SECONDS * 1000}")
        while free:
            cursor = connection.connection.cursor()
            cursor.executescript(f"PRAGMA incremental_vacuum({PAGES})")  # a page at a time, to the end
            cursor.close()
            left = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
            if left >= free:
                break
            free = left
            sleep(pause)
    return int((first - free) * size)
