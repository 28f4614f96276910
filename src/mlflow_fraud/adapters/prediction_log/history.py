"""The pinned history goes into a record, marked so that it is never taken for what a service saw."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import polars as pl

from mlflow_fraud.adapters.prediction_log.entries import Label, Payment
from mlflow_fraud.adapters.prediction_log.log import Part, PredictionLog
from mlflow_fraud.core.contract.contract import Contract

BESIDE = ("label", "arrived", "scores")
"""What is known of a transaction, beside its own columns."""

AT_ONCE = 10_000
"""So many rows are in memory as values at once."""


def take_in_history(log: PredictionLog, recorded: pl.DataFrame, contract: Contract, *, received: datetime) -> None:
    """Add recorded transactions with their labels behind what is there, all or none; what is there stays as it is.

    `recorded` is a table as `core.features.recorded` makes it.
    """
    parts = _parts(recorded, log.last_place(), contract, received)
    log.take_in(parts, received=received, source="history")


def _parts(recorded: pl.DataFrame, place: int, contract: Contract, received: datetime) -> Iterator[Part]:
    for part in recorded.iter_slices(AT_ONCE):
        rows = part.to_dicts()
        payments = [_payment(row, place + number, contract, received) for number, row in enumerate(rows, start=1)]
        known = [row for row in rows if row["arrived"]]
        yield payments, [Label((contract.name, row["event_id"]), row["label"], row["arrived"]) for row in known]
        place += len(rows)


def _payment(row: dict[str, Any], place: int, contract: Contract, received: datetime) -> Payment:
    transaction = {name: value for name, value in row.items() if name not in BESIDE}
    scores = json.loads(row["scores"]) if row["scores"] else None
    return Payment(place, contract.name, transaction, received, "history", scores)
