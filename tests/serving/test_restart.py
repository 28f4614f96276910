"""A service that starts again knows what it knew."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.past import RecordedPast
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.errors import RecordUnavailable
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.serving import warm_start
from mlflow_fraud.serving.history import History
from mlflow_fraud.serving.label_schema import LabelMessage
from mlflow_fraud.serving.record import Record, open_record
from mlflow_fraud.serving.warm_start import warm_history
from tests.record_databases import MakeDatabase
from tests.serving.conftest import MakeRelease, Raw, fill, kept_in, silent_after
from tests.serving.service_process import Place, running_service, until

Row = dict[str, Any]


def served(history: History, rows: list[Row]) -> list[object]:
    """Return the features of each row, its label known an hour later."""
    found: list[object] = []
    for row in rows:
        features, scores, payment = history.observe(row)
        history.record.settle_all([payment._replace(scores=scores)])
        found.append(features)
        history.learn([LabelMessage(row["event_id"], row["label"], row["event_time"] + timedelta(hours=1))])
    return found


def never_stopped(address: str, schema: FeatureSchema, past: pl.DataFrame, rows: list[Row]) -> list[object]:
    fill(address, schema, past)
    with open_record(address) as record:
        return served(warm_history(schema, record), rows)


@pytest.mark.parametrize(("replayed", "days"), [(0, 30), (2_000, 2)])
def test_features_after_a_restart_are_those_of_a_service_that_never_stopped(
    recorded: pl.DataFrame,
    stream: pl.DataFrame,
    schema: FeatureSchema,
    empty_database: MakeDatabase,
    monkeypatch: pytest.MonkeyPatch,
    replayed: int,
    days: int,
) -> None:
    rows, schema = stream.to_dicts(), silent_after(days, schema)
    expected = never_stopped(empty_database(), schema, recorded, rows)
    monkeypatch.setattr(warm_start, "REPLAYED", replayed)
    found: list[object] = []
    address = empty_database()
    fill(address, schema, recorded)
    for start in range(0, 50, 10):
        with open_record(address) as record:
            found += served(warm_history(schema, record), rows[start : start + 10])
    assert found == expected


def test_what_the_record_cannot_take_yet_is_in_a_new_past_all_the_same(
    recorded: pl.DataFrame, stream: pl.DataFrame, schema: FeatureSchema, tmp_path: Path
) -> None:
    rows = stream.to_dicts()
    expected = never_stopped(f"sqlite:///{tmp_path / 'never.db'}", schema, recorded, rows)
    with kept_in(tmp_path / "locked", schema, recorded) as record:
        history = warm_history(schema, record)
        served(history, rows[:10])
        with no_payments(record):
            served(history, rows[10:20])
            again = warm_history(schema, record)
        assert served(again, rows[20:]) == expected[20:]


@contextmanager
def no_payments(record: Record) -> Iterator[None]:
    """Keep payments out of the record, and let labels in."""

    def away(_: object) -> None:
        raise RecordUnavailable("the record takes no payment now")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record.log, "append", away)
        yield


@pytest.mark.slow
def test_a_killed_service_goes_on_where_it_was_and_every_answer_that_left_is_in_the_record(
    recorded: pl.DataFrame,
    stream: pl.DataFrame,
    schema: FeatureSchema,
    location: Path,
    make_release: MakeRelease,
    raw: Raw,
    empty_database: MakeDatabase,
    tmp_path: Path,
) -> None:
    release, place = make_release(), Place(str(location), "", dict(os.environ))
    place.store.put(release)
    place.promote(release.manifest.version)
    rows = [raw(row) for row in stream.iter_rows(named=True)]
    answers: dict[str, list[Any]] = {}
    for name, stops in (("never", ()), ("killed", (10, 30))):
        address, answers[name] = empty_database(), []
        fill(address, schema, recorded)
        for start, end in zip((0, *stops), (*stops, len(rows)), strict=True):
            with running_service(place, tmp_path, record=address) as service:
                again = [service.score(row).prediction_id for row in rows[:start]]
                assert again == answers[name]
                found = [service.score(row) for row in rows[start:end]]
                answers[name] += [answer.prediction_id for answer in found]
                if not all(answer.recorded for answer in found):  # the machine is slow: they were not promised yet
                    until(lambda service=service: service.readiness()["waiting"] == 0)
                if end < len(rows):
                    service.kill()
            assert in_the_record(address, schema.contract) == answers[name]
    assert answers["killed"] == answers["never"]  # an id has the hash of the features


def in_the_record(address: str, contract: Contract) -> list[str]:
    """Return the ids of the answers that a record holds, in the order of their payments."""
    log = PredictionLog(address, make=False)
    payments = RecordedPast(log, contract, log.last_place()).behind(0)
    log.close()
    return [payment.answer.prediction for payment in payments if payment.answer]
