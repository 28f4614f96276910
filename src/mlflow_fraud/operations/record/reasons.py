"""Why an answer was given: from the record, or worked out now from its features and the release that gave it."""

from __future__ import annotations

from mlflow_fraud.adapters.explanation import NoReasons, load_explanation
from mlflow_fraud.adapters.prediction_log.log import Told
from mlflow_fraud.adapters.release_files import schema_of
from mlflow_fraud.core.errors import FraudError
from mlflow_fraud.core.explaining.reasons import Reasons
from mlflow_fraud.core.release.release import check_version
from mlflow_fraud.operations.release.store import open_configured_store


def reasons_behind(told: Told) -> Reasons | NoReasons:
    """Return the reasons of an answer, or why there are none; writes nothing."""
    if told.payment["reasons"]:
        return Reasons.model_validate_json(told.payment["reasons"])
    try:
        return _worked_out(told.payment["release"], bytes(told.payment["features"]))
    except (FraudError, ArithmeticError) as error:
        return NoReasons(str(error))


def _worked_out(version: str, features: bytes) -> Reasons | NoReasons:
    release = open_configured_store().fetch(version)
    check_version(release.manifest)
    explanation = load_explanation(release.manifest, release.files, schema_of(release).names)
    return explanation if isinstance(explanation, NoReasons) else explanation.reasons(features)
