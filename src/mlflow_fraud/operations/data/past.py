"""The pinned history as it was known on a day: rows of by then, with the labels and corrections that had arrived."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from mlflow_fraud.adapters.files import write_parquet
from mlflow_fraud.adapters.raw_corrections import read_corrections
from mlflow_fraud.core.contract.corrections import corrected
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.labels import LABEL_TIME, arrival, known_at
from mlflow_fraud.operations.data.correct import pinned_rows
from mlflow_fraud.operations.record.days import moment_of
from mlflow_fraud.paths import corrections_folder
from mlflow_fraud.settings import contract_of, load_params
from mlflow_fraud.stages.pinned import pinned_corrections


def write_past(as_of: str, to: Path, dataset: str = "") -> str:
    """Write the table that ingest would have made at a moment, and say how many rows it has.

    Who was forgotten since is not in it: that counts for every past.
    """
    params, moment = load_params(), moment_of(as_of, "AS_OF")
    name = dataset or params.dataset
    described = params.described(name)
    contract = contract_of(described)
    rows = as_known_at(pinned_rows(name, contract), moment, described.split.label_delay)
    told = read_corrections(pinned_corrections(corrections_folder(name)), contract)
    table = corrected(rows, told, contract, as_of=moment)
    write_parquet(to, table)
    return f"{to}: {counted(len(table), 'transaction')} of {name} as they were known at {moment}"


def as_known_at(rows: pl.DataFrame, as_of: datetime, delay: timedelta) -> pl.DataFrame:
    """Return the rows of before or at `as_of`, without the labels that had not arrived by then.

    `delay` is after how long a label is known that says no time of its own.

    >>> day = datetime(2020, 6, 1)
    >>> rows = pl.DataFrame({"event_time": [day, day + timedelta(days=5)], "label": [1, 1]})
    >>> as_known_at(rows, datetime(2020, 6, 6), timedelta(days=2))["label"].to_list()
    [1, None]
    """
    known = known_at(arrival(rows.columns, delay), as_of=as_of)
    told = [name for name in ("label", LABEL_TIME) if name in rows.columns]
    return rows.filter(pl.col("event_time") <= as_of).with_columns(pl.when(known).then(pl.col(told)))
