"""A file of labels, as whoever settles disputes sends one: read by the columns of the contract that say them."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from mlflow_fraud.adapters.raw_batches import Tell, quiet
from mlflow_fraud.adapters.raw_files import Door, read_file
from mlflow_fraud.adapters.raw_progress import Progress
from mlflow_fraud.core.contract.contract import Column, Contract
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.labels import LABEL_TIME


def read_labels(file: Path, contract: Contract, tell: Tell = quiet) -> pl.DataFrame:
    """Return `event_id`, `label` and `label_time` of each row; other columns of the file are not read.

    The columns are the contract's own; where it has none for the time of arrival, that is `label_time` in the form of
    the transaction's time. Raises `DataError` for a file that is not so, with counts and a few examples.
    """
    asked = label_columns(contract)
    only = contract.model_copy(update={"columns": asked, "event_id": ""})
    door = Door(only, {}, Progress(tell, 1))
    told = read_file(file, door, quiet).select(column.name for column in asked)
    wrong = int((~told["label"].is_in([0, 1])).sum())
    if wrong:
        values = counted(wrong, "value is", "values are")
        raise DataError(f"{file.name}: {asked[1].source}: {values} neither 1 for a fraud nor 0 for a genuine payment")
    return told


def label_columns(contract: Contract) -> tuple[Column, Column, Column]:
    """Return the columns with a payment's id, its label, and when the label arrived."""
    by_role = {column.role: column for column in contract.arriving}
    elsewhere = {"name": LABEL_TIME, "source": LABEL_TIME, "role": "label_time"}
    arrived = by_role.get("label_time") or by_role["event_time"].model_copy(update=elsewhere)
    needed = {"nullable": False, "optional": False}
    return by_role["event_id"], by_role["label"].model_copy(update=needed), arrived.model_copy(update=needed)
