"""What is older than it has to be goes from the record, once a person says how old."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta

from mlflow_fraud.adapters.prediction_log.counting import count_of
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.past import RecordedPast
from mlflow_fraud.adapters.prediction_log.retention import LEAST_PAUSE, Age, Pruned, prune
from mlflow_fraud.adapters.prediction_log.schemas import schemas_in
from mlflow_fraud.adapters.prediction_log.snapshot import snapshot
from mlflow_fraud.adapters.prediction_log.space import empty_log, file_of, give_back
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.counted import counted
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.clock import STEADY
from mlflow_fraud.core.features.plan import LATENESS
from mlflow_fraud.core.features.reach import label_reach, remembered, score_reach, window_reach
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.operations.record.opened import opened
from mlflow_fraud.settings import Params, contract_of, load_params
from mlflow_fraud.wall import utc_now

DAY = timedelta(days=1)


def prune_record(older_than: int) -> Iterator[str]:
    """Delete payments that are more days older than the newest steady time of the record, and say what was done.

    Raises `DataError` where so few days are less than features look back and labels take.
    """
    params = load_params()
    contract = contract_of(params.active)
    with opened() as log:
        schemas = _schemas(log, params)
        horizon = params.active.split.horizon
        needed = max(map(_looks_back, schemas)) + LATENESS + horizon
        if timedelta(days=older_than) < needed:
            raise DataError(
                f"--older-than {older_than} is less than the {math.ceil(needed / DAY)} days that features and labels "
                f"need: the longest window, {LATENESS.days} day for what comes late and {horizon.days} until labels "
                "are in; nothing was deleted"
            )
        newest = RecordedPast(log, contract, log.last_place()).reached(STEADY)
        if newest is None:
            yield f"{log} holds no payment of {contract.name}; nothing was deleted"
            return
        cut = newest - timedelta(days=older_than)
        back: dict[tuple[str, ...], int] = {}
        for by, number in [each for schema in schemas for each in remembered(schema).items()]:
            back[tuple(by)] = max(back.get(tuple(by), 0), number)
        done = prune(log, contract.name, Age(cut, newest - needed, back), at=utc_now())
        yield _pruned(done, log, contract, cut)
        if file_of(log.engine):
            size = give_back(log.engine, pause=LEAST_PAUSE)
            if not empty_log(log.engine):
                yield f"{log}-wal is being read and keeps its room; the same command again empties it"
            if size is not None:
                yield f"{size / 1e6:,.1f} MB given back to the disk"


def _pruned(done: Pruned, log: PredictionLog, contract: Contract, cut: datetime) -> str:
    payments, labels, corrections = done.removed
    with snapshot(log.engine) as connection:
        left = count_of(connection, contract.name)
    return (
        f"{log}: {counted(payments, 'payment')} of {contract.name} from before {cut:%Y-%m-%d %H:%M} "
        f"{'is' if payments == 1 else 'are'} gone, with {counted(labels, 'label')} and "
        f"{counted(corrections, 'correction')}; {counted(left, 'payment')} {'is' if left == 1 else 'are'} left, "
        f"{done.kept:,} of them older: the last ones of an entity, which a feature remembers"
    )


def _schemas(log: PredictionLog, params: Params) -> list[FeatureSchema]:
    """Return the features of params.yaml and of each release that the record knows: one may go live again."""
    contract = contract_of(params.active)
    ours = FeatureSchema(
        params=params.active_features,
        contract=contract,
        categories={},
        label_delay_days=params.active.split.label_delay_days,
        silence_days=params.active.silence_days,
    )
    return [ours, *schemas_in(log, contract)]


def _looks_back(schema: FeatureSchema) -> timedelta:
    return max(window_reach(schema) + score_reach(schema), label_reach(schema))
