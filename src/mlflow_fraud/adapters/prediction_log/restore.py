"""A backup goes into an empty record, all of it or nothing, without those who were forgotten since it was made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import delete

from mlflow_fraud.adapters.prediction_log.audit import audited, note
from mlflow_fraud.adapters.prediction_log.backup import reading_backup
from mlflow_fraud.adapters.prediction_log.change import change
from mlflow_fraud.adapters.prediction_log.copying import copy_rows, holds_nothing
from mlflow_fraud.adapters.prediction_log.forgetting import Known, lay, obey, tombstones
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.removal import Removed
from mlflow_fraud.adapters.prediction_log.tables import AUDIT, TOMBSTONE
from mlflow_fraud.core.errors import DataError


class Restored(NamedTuple):
    """How many rows each table got, and what of the backup's was left out."""

    copied: Mapping[str, int]
    left_out: Removed


def restore(log: PredictionLog, file: Path, until: Mapping[Known, datetime], *, at: datetime) -> Restored:
    """Fill a record from a backup; raise `DataError` where it holds payments or the like, or where a service has it.

    Left out is who was forgotten: up to when the record or the backup received it by the tombstones of either, and by
    `until`, event times on the contract's clock.
    """
    with log.alone(), reading_backup(file) as source, change(log.engine) as target:
        ours, done = tombstones(target), audited(target)
        for table in (TOMBSTONE, AUDIT):
            target.execute(delete(table))
        if not holds_nothing(target):
            raise DataError(
                f"{log} holds something; a backup goes into an empty record: set FRAUD_PREDICTION_LOG to a new one, or "
                "put the old one aside"
            )
        copied = copy_rows(source, target)
        lay(target, ours)
        known = tombstones(target)

        def is_forgotten(one: Known, event_time: datetime, received: datetime) -> bool:
            laid, listed = known.get(one), until.get(one)
            return (laid is not None and received < laid) or (listed is not None and event_time < listed)

        left_out = obey(target, [(one.contract, one.entity) for one in (*known, *until)], is_forgotten)
        for line in done:
            note(target, line.action, line.detail, at=line.at)
        went_in = {
            **copied,
            "payment": copied["payment"] - left_out.payments,
            "label": copied["label"] - left_out.labels,
            "correction": copied["correction"] - left_out.corrections,
        }
        detail = {"file": file.name, "payments": went_in["payment"], "left_out": left_out.payments}
        note(target, "restore", detail, at=at)
    return Restored(went_in, left_out)
