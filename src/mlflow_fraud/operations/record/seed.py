"""A service's past begins with the pinned history: an empty record is filled from it, once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from mlflow_fraud.adapters.forgotten_list import forgotten_in
from mlflow_fraud.adapters.prediction_log.forgetting import tombstones
from mlflow_fraud.adapters.prediction_log.history import take_in_history
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.contract.forgotten import Forgotten, without
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.recorded import as_recorded
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.environment import load_environment
from mlflow_fraud.paths import TRANSACTIONS, forgotten_list
from mlflow_fraud.settings import contract_of, load_params
from mlflow_fraud.wall import as_data_has_it, utc_now


def seed(*, add: bool = False) -> str:
    """Fill the record from `data/transactions.parquet`, and say what was done; one that has payments stays as it is.

    With `add` those payments are added that the record does not have. Raises `DataError` where the file is missing or
    not of the active data set, and where a service has the record open.
    """
    params = load_params()
    contract = contract_of(params.active)
    schema = FeatureSchema(
        params=params.active_features,
        contract=contract,
        categories={},
        label_delay_days=params.active.split.label_delay_days,
        silence_days=params.active.silence_days,
    )
    log = PredictionLog(load_environment().prediction_log)
    try:
        there = log.count(contract)
        if there and not add:
            return f"{log} holds {there:,} payments of {contract.name} already; nothing was added"
        with log.alone():
            added = seed_record(log, TRANSACTIONS, schema, _forgotten(log, contract))
        return f"{log}: {added:,} payments of {contract.name} added from {TRANSACTIONS}"
    finally:
        log.close()


def seed_record(log: PredictionLog, path: Path, schema: FeatureSchema, forgotten: Sequence[Forgotten] = ()) -> int:
    """Add what is recorded at `path`, but of those who are forgotten; return how many were not there yet."""
    if not path.is_file():
        raise DataError(f"{path} is missing; `dvc repro ingest` makes it from the pinned batches")
    try:
        recorded = without(as_recorded(pl.read_parquet(path), schema), forgotten)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(
            f"{path} holds no transactions of the contract {schema.contract.name}: it is damaged, or of another data "
            "set. `mlflow-fraud data use <its data set>` and `dvc repro ingest` make it anew"
        ) from error
    before = log.count(schema.contract)
    take_in_history(log, recorded, schema.contract, received=utc_now())
    return log.count(schema.contract) - before


def _forgotten(log: PredictionLog, contract: Contract) -> list[Forgotten]:
    """Return who is not to come back from a table of before: by the list beside the contract, and by tombstones."""
    clock = contract.column("event_time")
    with log.reading() as connection:
        laid = [
            Forgotten(one.entity, one.mark, as_data_has_it(at, clock.timezone if clock else ""))
            for one, at in tombstones(connection).items()
            if one.contract == contract.name
        ]
    return [*forgotten_in(forgotten_list(contract.name)), *laid]
