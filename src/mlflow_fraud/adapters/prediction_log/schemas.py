"""The features of the releases that a record knows."""

from __future__ import annotations

import json

from sqlalchemy import select

from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.tables import FEATURE_SCHEMA
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.core.features.schema import FeatureSchema, read_schema


def schemas_in(log: PredictionLog, contract: Contract) -> list[FeatureSchema]:
    """Return the schemas of a contract's name; one that this program cannot read is left out: it does not go live."""
    found = []
    with log.reading() as connection:
        documents = connection.execute(select(FEATURE_SCHEMA.c.document).order_by(FEATURE_SCHEMA.c.sha256)).scalars()
        for document in documents.all():
            try:
                schema = read_schema(json.loads(document), where="the record")
            except SettingsError:
                continue
            if schema.contract.name == contract.name:
                found.append(schema)
    return found
