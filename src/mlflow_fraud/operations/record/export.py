"""The record as Parquet files, a folder of days: what was scored, answered and told, at one moment."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from mlflow_fraud.adapters.files import write_parquet
from mlflow_fraud.adapters.prediction_log.days import RecordedDays
from mlflow_fraud.adapters.prediction_log.feature_columns import served
from mlflow_fraud.adapters.prediction_log.snapshot import snapshot
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.operations.record.days import day_of
from mlflow_fraud.operations.record.opened import opened
from mlflow_fraud.settings import contract_of, load_params

FEATURES = "features"


def export(folder: Path, *, since: str = "", until: str = "", with_quarantined: bool = False) -> str:
    """Write the payments of the active contract into a new folder, whole or not at all, and say how many.

    From the day `since` on and before the day `until`. Raises `DataError` where the folder holds something.
    """
    contract = contract_of(load_params().active)
    between = day_of(since, "--since"), day_of(until, "--until")
    payments = labels = corrections = days = 0
    with opened() as log, _new(folder) as pending, snapshot(log.engine) as connection:
        recorded = RecordedDays(connection, contract, with_quarantined=with_quarantined)
        known, answered = recorded.feature_names(), recorded.releases(*between)
        names = {release: known[release] for release in answered if release in known}
        for day in recorded.days(*between):
            rows, told, corrected = recorded.payments(day), recorded.labels(day), recorded.corrections(day)
            write_parquet(pending / "payments" / f"{day}.parquet", _with_features(rows, names))
            for kind, frame in (("labels", told), ("corrections", corrected)):
                if not frame.is_empty():
                    write_parquet(pending / kind / f"{day}.parquet", frame)
            days, payments = days + 1, payments + len(rows)
            labels, corrections = labels + len(told), corrections + len(corrected)
        where = str(log)
    return (
        f"{folder}: {counted(payments, 'payment')} of {contract.name} on {counted(days, 'day')}, "
        f"{counted(labels, 'label')} and {counted(corrections, 'correction')} from {where}"
    )


def _with_features(payments: pl.DataFrame, names: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    """Return the payments with their features as one column of named ones; without it where nothing was answered."""
    if not names:
        return payments.drop(FEATURES)
    opened_up = served(payments, names)
    there = pl.Series(payments[FEATURES].is_not_null())
    column = opened_up.select(pl.when(there).then(pl.struct(pl.all())).alias(FEATURES))
    return payments.drop(FEATURES).hstack(column)


@contextmanager
def _new(folder: Path) -> Iterator[Path]:
    """Give a folder of its owner alone that takes the place of an empty or missing one when the block ends well."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} holds something already; export into a folder of its own")
    pending = folder.with_name(f".{folder.name}.{os.getpid()}.new")
    try:
        pending.mkdir(parents=True, mode=0o700)
        yield pending
        pending.replace(folder)
    except OSError as error:
        raise DataError(f"{folder} cannot be written ({error.strerror}); give the export a place with room") from None
    finally:
        shutil.rmtree(pending, ignore_errors=True)
