"""What led to one answer, from its id alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mlflow_fraud.adapters.explanation import NoReasons
from mlflow_fraud.adapters.prediction_log.log import PredictionLog, Told
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.explaining.reasons import Reasons
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.record.reasons import reasons_behind
from mlflow_fraud.paths import LOCK


def show_prediction(prediction_id: str) -> str:
    """Return the story of an answer as lines to read; raise `DataError` where the record has none of this id.

    Where there is no record none is made: that is a `DataError` too.
    """
    log = PredictionLog(load_environment().prediction_log, make=False)
    try:
        told = log.by_prediction(prediction_id)
        if told is None:
            raise DataError(
                f"{log} has no prediction {prediction_id}; expected the prediction_id of an answer of a service that "
                "writes to this record, such as xgboost-b59ff7e37502.fff.09c1b7a4d2e8"
            )
    finally:
        log.close()
    return "\n".join(_lines(told, reasons_behind(told)))


def _lines(told: Told, reasons: Reasons | NoReasons) -> list[str]:
    payment, manifest, features = told.payment, told.manifest, told.features
    lines = [
        f"prediction   {payment['prediction']}",
        f"answer       {told.decision}: {payment['probability']:.6f} against {payment['threshold']:.6f}, "
        f"in {payment['took_us'] / 1000:.1f} ms, received {_second(payment['received'])} UTC",
        f"release      {payment['release']}",
        f"MLflow run   {manifest.get('mlflow_run_id') or 'none'}",
        f"in MLflow    version {manifest.get('mlflow_model_version') or 'none'}",
        f"commit       {manifest.get('git_sha') or 'none'}",
        f"dvc.lock     sha256 {manifest.get('files', {}).get(LOCK.name, {}).get('sha256', 'none')}",
        "",
        f"transaction  {payment['event_id']} of {payment['contract']}, {_second(payment['event_time'])}",
        *(f"  {name} = {value}" for name, value in told.transaction.items()),
    ]
    lines += ["", *_why(reasons)]
    if features:
        lines += ["", "features, as they were served"]
        lines += [f"  {name} = {'missing' if value is None else f'{value:.9g}'}" for name, value in features.items()]
    known = [
        f"  {'fraud' if each['label'] else 'genuine'}, arrived {_second(each['arrived'])}, from {each['source']}"
        for each in told.labels
    ]
    lines += ["", "labels", *(known or ["  none yet"])]
    for each in told.corrections:
        lines += ["", f"corrected, observed {_second(each['observed'])}"]
        now = json.loads(each["content"]) if each["content"] else None
        lines += ["  reversed"] if now is None else _changes(told.transaction, now)
    return lines


def _why(reasons: Reasons | NoReasons) -> list[str]:
    if isinstance(reasons, NoReasons):
        return ["reasons", f"  none: {reasons.why}"]
    return [
        f"reasons, in log odds before calibration: {reasons.log_odds:+.3f}, beginning at {reasons.base:+.3f}",
        *(f"  {each.contribution:+.3f}  {each.code}: {each.en} / {each.fr}" for each in reasons.strongest),
        f"  {reasons.others:+.3f}  all others",
    ]


def _changes(scored: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [f"  {name} = {value}, was {scored.get(name)}" for name, value in now.items() if value != scored.get(name)]


def _second(moment: datetime) -> str:
    return moment.isoformat(" ", "seconds")
