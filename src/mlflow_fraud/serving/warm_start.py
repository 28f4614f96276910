"""The part of the recorded past that a set of features can still see."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.batch import TIME_ORDER
from mlflow_fraud.core.features.definitions import Entities, Last, span_of, windows_behind
from mlflow_fraud.core.features.online import Transaction
from mlflow_fraud.core.features.schema import FeatureSchema

log = logging.getLogger(__name__)


def read_past(path: Path, schema: FeatureSchema) -> Iterator[Transaction]:
    """Return the rows of `transactions.parquet` that matter to what comes after them, in time order.

    Those are the rows of the longest window, and of each entity that a feature remembers the last
    transaction of, that one. A missing file is an empty past, with a warning. Raises `DataError` for a
    file that is not of this contract.
    """
    if not path.is_file():
        log.warning("%s is missing: every card starts without a past; set FRAUD_HISTORY or run the pipeline", path)
        return iter(())
    try:
        return _relevant(pl.scan_parquet(path).select(_columns(schema)), schema).iter_rows(named=True)
    except (pl.exceptions.PolarsError, OSError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"{path} is not the history that these features need: {first_line}; "
            f"expected the transactions of the contract {schema.contract.name}, as the stage `ingest` writes them"
        ) from error


def _relevant(table: pl.LazyFrame, schema: FeatureSchema) -> pl.DataFrame:
    newest: datetime | None = table.select(pl.col("event_time").max()).collect().item()
    if newest is None:
        return table.collect()
    start = newest - _longest_span(schema)
    recent, older = table.filter(pl.col("event_time") >= start), table.filter(pl.col("event_time") < start)
    last_ones = [older.unique(by, keep="last", maintain_order=True) for by in _remembered(schema)]
    return pl.concat([recent, *last_ones]).unique().sort(TIME_ORDER).collect()


def _columns(schema: FeatureSchema) -> list[str]:
    entities = [column for window in windows_behind(schema.features) for column in window.by]
    entities += [column for by in _remembered(schema) for column in by]
    taken = [feature.take for feature in schema.features if isinstance(feature, Last) and feature.take != "seconds"]
    return list(dict.fromkeys([*TIME_ORDER, "amount", *entities, *taken]))


def _remembered(schema: FeatureSchema) -> tuple[Entities, ...]:
    """Return the entities whose last transaction is a feature, however long ago it was."""
    return tuple(dict.fromkeys(feature.by for feature in schema.features if isinstance(feature, Last)))


def _longest_span(schema: FeatureSchema) -> timedelta:
    return max((span_of(window.span) for window in windows_behind(schema.features)), default=timedelta(0))
