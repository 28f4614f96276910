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

from mlflow_fraud.core.errors import RecordUnavailable
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.serving import warm_start
from mlflow_fraud.serving.history import History
from mlflow_fraud.serving.label_schema import LabelMessage
from mlflow_fraud.serving.record import Record
from mlflow_fraud.serving.warm_start import warm_history
from tests.serving.conftest import MakeRelease, Raw, kept_in
from tests.serving.service_process import Place, running_service

Row = dict[str, Any]


def served(history: History, rows: list[Row]) -> list[object]:
    """Return the features of each row, its label known an hour later."""
    found: list[object] = []
    for row in rows:
        features, scores, payment = history.observe(row)
        history.record.settle(payment._replace(scores=scores))
        found.append(features)
        history.learn([LabelMessage(row["event_id"], row["label"], row["event_time"] + timedelta(hours=1))])
    return found


def never_stopped(folder: Path, schema: FeatureSchema, past: pl.DataFrame, rows: list[Row]) -> list[object]:
    with kept_in(folder, schema, past) as record:
        return served(warm_history(schema, record), rows)


@pytest.mark.parametrize("replayed", [0, 2_000])
def test_features_after_a_restart_are_those_of_a_service_that_never_stopped(
    recorded: pl.DataFrame,
    stream: pl.DataFrame,
    schema: FeatureSchema,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    replayed: int,
) -> None:
    rows = stream.to_dicts()
    expected = never_stopped(tmp_path / "never", schema, recorded, rows)
    monkeypatch.setattr(warm_start, "REPLAYED", replayed)
    found: list[object] = []
    for start in range(0, 50, 10):
        with kept_in(tmp_path / "stops", schema, recorded) as record:
            found += served(warm_history(schema, record), rows[start : start + 10])
    assert found == expected


def test_what_the_record_cannot_take_yet_is_in_a_new_past_all_the_same(
    recorded: pl.DataFrame, stream: pl.DataFrame, schema: FeatureSchema, tmp_path: Path
) -> None:
    rows = stream.to_dicts()
    expected = never_stopped(tmp_path / "never", schema, recorded, rows)
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
def test_a_killed_service_goes_on_where_it_was(
    recorded: pl.DataFrame,
    stream: pl.DataFrame,
    schema: FeatureSchema,
    location: Path,
    make_release: MakeRelease,
    raw: Raw,
    tmp_path: Path,
) -> None:
    release, place = make_release(), Place(str(location), "", dict(os.environ))
    place.store.put(release)
    place.promote(release.manifest.version)
    rows = [raw(row) for row in stream.iter_rows(named=True)]
    answers: dict[str, list[Any]] = {}
    for name, stops in (("never", ()), ("killed", (10, 30))):
        folder = tmp_path / name
        with kept_in(folder, schema, recorded):
            pass
        answers[name] = []
        for start, end in zip((0, *stops), (*stops, len(rows)), strict=True):
            with running_service(place, folder) as service:
                answers[name] += [service.send("/v1/score", row)["prediction_id"] for row in rows[start:end]]
                if end < len(rows):
                    service.kill()
    assert answers["killed"] == answers["never"]  # an id has the hash of the features
