"""The part of the recorded past that a set of features can still see."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.batch import TIME_ORDER, build_scores
from mlflow_fraud.core.features.clock import STEADY
from mlflow_fraud.core.features.definitions import Entities, Labels, Last, Window, span_of, windows_behind
from mlflow_fraud.core.features.online import LATENESS
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.labels import LABEL_TIME, arrival
from mlflow_fraud.serving.clock import RECORDED, MakeClock
from mlflow_fraud.serving.history import ARRIVES, History, Recorded
from mlflow_fraud.serving.journal import Journal

log = logging.getLogger(__name__)


def warm_history(path: Path, schema: FeatureSchema, journal: Journal, clock: MakeClock = RECORDED) -> History:
    """Return the past as `schema` sees it: what is recorded at `path`, then what the journal holds."""
    history = History(schema, read_past(path, schema), journal, clock(schema.contract))
    history.catch_up()
    return history


def read_past(path: Path, schema: FeatureSchema) -> Recorded:
    """Return the rows of `transactions.parquet` that matter to what comes after them, in time order.

    Those are the rows of the longest window, those whose label a window can still see, and of each entity the
    last transactions that a feature remembers; each with its scores and with the time when its label arrives.
    A missing file is an empty past, with a warning. Raises `DataError` for a file that is not of this contract.
    """
    if not path.is_file():
        log.warning("%s is missing: every card starts without a past; set FRAUD_HISTORY or run the pipeline", path)
        return Recorded(())
    try:
        return _relevant(_read(path, schema), schema)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(
            f"{path} holds no transactions of the contract {schema.contract.name}, which the live release is of: it is "
            "damaged, or of another data set. `mlflow-fraud data use <its data set>` and `dvc repro ingest` make it "
            "anew, or FRAUD_HISTORY names another file"
        ) from error


def _read(path: Path, schema: FeatureSchema) -> pl.DataFrame:
    table = pl.scan_parquet(path)
    there = table.collect_schema().names()
    labelled = [name for name in ("label", LABEL_TIME) if name in there and schema.label_windows]
    rows = table.select(*_columns(schema), *labelled).collect()
    rows = pl.concat([rows, build_scores(rows, schema)], how="horizontal")
    never = pl.lit(None, pl.Datetime("us"))
    told = pl.col("label").is_not_null() if labelled else pl.lit(False)  # where nothing was told nothing arrives
    arrives = pl.when(told).then(arrival(labelled, schema.label_delay)).otherwise(never) if labelled else never
    return rows.with_columns(arrives.alias(ARRIVES))


def _relevant(rows: pl.DataFrame, schema: FeatureSchema) -> Recorded:
    if rows.is_empty():
        return Recorded(())
    newest = _reached(rows)
    since = newest - _longest(windows_behind(schema.features)) - LATENESS
    seen = pl.col("event_time") >= since
    seen |= pl.col(ARRIVES) >= newest - _longest(schema.label_windows) - LATENESS
    for by, back in _remembered(schema).items():
        seen |= (pl.col("event_time") <= newest).cum_sum(reverse=True).over(by) <= back
    return Recorded(rows.filter(seen.fill_null(False)).iter_rows(named=True), since)


def _reached(rows: pl.DataFrame) -> datetime:
    """Return up to where time has surely come: some rows with a wrong time must not cost the others their past."""
    return rows["event_time"].top_k(STEADY).min()  # type: ignore[return-value]


def _columns(schema: FeatureSchema) -> list[str]:
    """Return the columns that features, and the clock, read of what is past."""
    windows = windows_behind(schema.features)
    asked = [column for by in [w.by for w in windows] + [w.by for w in schema.label_windows] for column in by]
    asked += [window.of for window in windows]
    for feature in schema.features:
        asked += [*feature.by, feature.take] if isinstance(feature, Last) else []
    asked += schema.contract.entities[:1]
    kept = {column.name for column in schema.contract.kept}
    return [*TIME_ORDER, "amount", *sorted(kept.intersection(asked) - {*TIME_ORDER, "amount"})]


def _remembered(schema: FeatureSchema) -> dict[Entities, int]:
    """Return the entities whose last transactions are features, however long ago they were, and how many."""
    back: dict[Entities, int] = {}
    for feature in schema.features:
        if isinstance(feature, Last):
            back[feature.by] = max(back.get(feature.by, 0), feature.back)
    return back


def _longest(windows: tuple[Window, ...] | tuple[Labels, ...]) -> timedelta:
    return max((span_of(window.span) for window in windows), default=timedelta(0))
