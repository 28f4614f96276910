"""Empty records of either kind, and payments to put into them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert

from mlflow_fraud.adapters.prediction_log.entries import Answer, Label, Payment, ReleaseNote
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.tables import CORRECTION
from mlflow_fraud.core.features.schema import FeatureSchema
from tests.conftest import make_transactions

RECEIVED = datetime(2026, 1, 1, 12)


@pytest.fixture
def log(address: str) -> Iterator[PredictionLog]:
    """An empty record."""
    opened = PredictionLog(address)
    yield opened
    opened.close()


def transactions(number: int = 50, days: int = 120) -> list[dict[str, Any]]:
    """Return transactions of five cards, as a service reads them."""
    return make_transactions(number, cards=5, days=days).drop("label", "batch").to_dicts()


def payments(number: int = 50, *, days: int = 120, **told: Any) -> list[Payment]:
    """Return payments of five cards in the order of their times, their places from 1 on."""
    rows = enumerate(transactions(number, days), start=1)
    return [Payment(place, "sparkov", row, RECEIVED, **told) for place, row in rows]


def note_of(schema: FeatureSchema, version: str = "xgboost-1") -> ReleaseNote:
    """Return a release with a schema's features."""
    return ReleaseNote(version, schema.sha256, schema.to_json(), f'{{"version":"{version}"}}')


def answered(given: list[Payment], schema: FeatureSchema, release: str = "xgboost-1") -> list[Payment]:
    """Return payments with answers: the features of the n-th are n, n + 0.5 and so on, the second one missing."""
    return [each._replace(answer=_answer(each.place, schema, release)) for each in given]


def _answer(place: int, schema: FeatureSchema, release: str) -> Answer:
    features = (place + np.arange(len(schema.names)) / 2).astype(np.float32)
    features[1] = np.nan
    return Answer(f"{release}.{place}", release, features.tobytes(), place / 1000, place % 7 == 0, 0.5, 800, 0.25)


def fill(log: PredictionLog, schema: FeatureSchema, number: int = 50, *, days: int = 120) -> list[Payment]:
    """Put answered payments into a record: each third has a label, each sixth two, each tenth a correction."""
    given = answered(payments(number, days=days), schema)
    log.append([note_of(schema), *given])
    told = [(each, 1, 3) for each in given[::3]] + [(each, 0, 9) for each in given[::6]]
    labels = [Label(each.key, label, each.transaction["event_time"] + timedelta(days)) for each, label, days in told]
    log.take_in([([], labels)], received=RECEIVED, source="service")
    with log.engine.begin() as connection:
        both = {"contract": "sparkov", "observed": RECEIVED, "received": RECEIVED, "source": "service"}
        rows = [both | {"event_id": each.key[1], "content": '{"amount":1}'} for each in given[::10]]
        connection.execute(insert(CORRECTION), rows)
    return given
