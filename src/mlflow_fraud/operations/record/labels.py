"""The file of labels that comes every night goes into the record; a service that runs follows."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path

import polars as pl

from mlflow_fraud.adapters.label_files import label_columns, read_labels
from mlflow_fraud.adapters.prediction_log.afterwards import AT_ONCE, Outcome, take_labels, times_of
from mlflow_fraud.adapters.prediction_log.entries import Label
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.past import RecordedPast
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.counted import counted, listed
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.clock import STEADY, StreamClock
from mlflow_fraud.core.labels import LABEL_TIME, LABELS_LATER
from mlflow_fraud.environment import Environment, load_environment
from mlflow_fraud.operations.record.opened import opened
from mlflow_fraud.settings import contract_of, load_params
from mlflow_fraud.wall import utc_now, wall_time

SAID: dict[Outcome, str] = {
    "noted": "new",
    "known": "known already",
    "unmatched": "of no payment in the record",
    "too early": "arrive before their payment",
}

EXAMPLES = 10

NEWEST = 2_000
"""So many that came last tell what now is where the clock is the stream's."""


def add_labels(file: Path) -> str:
    """Add the labels of a file to the record, and return what came of them; the same file again adds nothing.

    Raises `DataError` where the file is not what the contract says, or a label arrives later than any can: then nothing
    is added.
    """
    if not file.is_file():
        raise DataError(f"{file} is not there; name a CSV or Parquet file with labels")
    environment, contract = load_environment(), contract_of(load_params().active)
    with opened() as log:
        told = read_labels(file, contract)
        _require_arrived(file, told, _last(log, contract, environment), contract)
        outcomes = _take(log, contract, told)
    return "\n".join(_lines(str(log), told, outcomes))


def _take(log: PredictionLog, contract: Contract, told: pl.DataFrame) -> list[Outcome]:
    received, outcomes = utc_now(), list[Outcome]()
    for part in told.iter_slices(AT_ONCE):
        labels = [Label((contract.name, event_id), label, at) for event_id, label, at in part.iter_rows()]
        times = times_of(log, contract, [str(label.of[1]) for label in labels])
        outcomes += take_labels(log, contract, labels, times, received=received, source="file")
    return outcomes


def _last(log: PredictionLog, contract: Contract, environment: Environment) -> datetime | None:
    """Return the last moment at which a label can have arrived, by the same clock as the service's."""
    if environment.clock == "wall":
        return wall_time(label_columns(contract)[2].timezone) + environment.tolerance
    last = _stream_of(log, contract, environment).last
    return last and last + LABELS_LATER


def _stream_of(log: PredictionLog, contract: Contract, environment: Environment) -> StreamClock:
    """Return the clock that a service has which begins now: of the latest payments, and of those that came last."""
    place, clock = log.last_place(), StreamClock(environment.tolerance)
    past, apart = RecordedPast(log, contract, place), (*contract.entities, "event_id")[0]
    latest = past.reached(STEADY)
    for row in past.since(latest).sort("event_time").iter_rows(named=True) if latest else ():
        clock.note(row[apart], row["event_time"])
    for payment in past.behind(place - NEWEST):
        clock.note(payment.transaction[apart], payment.transaction["event_time"])
    return clock


def _require_arrived(file: Path, told: pl.DataFrame, last: datetime | None, contract: Contract) -> None:
    ahead = 0 if last is None else int((told[LABEL_TIME] > last).sum())
    if ahead:
        column = label_columns(contract)[2].source
        raise DataError(
            f"{file.name}: {column}: {counted(ahead, 'label arrives', 'labels arrive')} later than "
            f"{last:%Y-%m-%d %H:%M}, which is not there yet; correct the file, or set FRAUD_CLOCK as the service has it"
        )


def _lines(record: str, told: pl.DataFrame, outcomes: list[Outcome]) -> list[str]:
    numbers = Counter(outcomes)
    lines = [f"{counted(len(outcomes), 'label')} for {record}"]
    lines += [f"  {numbers[outcome]:>9,}  {said}" for outcome, said in SAID.items()]
    lost = told.filter(pl.Series([outcome == "unmatched" for outcome in outcomes], dtype=pl.Boolean))["event_id"]
    if len(lost):
        lines.append(f"of no payment: {listed([str(each) for each in lost], EXAMPLES)}; add them again later")
    return lines
