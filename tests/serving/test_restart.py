"""A service that starts again knows what it knew."""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mlflow_fraud.adapters.journal_file import JournalFile
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.serving.history import History
from mlflow_fraud.serving.journal import Journal, Scored, open_journal
from mlflow_fraud.serving.warm_start import warm_history
from tests.conftest import make_transactions
from tests.serving.conftest import MakeRelease, Raw
from tests.serving.service_process import Place, running_service

Row = dict[str, Any]


def served(history: History, rows: list[Row]) -> list[object]:
    """Return the features of each row, its label known an hour later."""
    found: list[object] = []
    for row in rows:
        found.append(history.observe(row))
        history.learn(row["event_id"], row["label"], row["event_time"] + timedelta(hours=1))
    return found


def test_features_after_a_restart_are_those_of_a_service_that_never_stopped(
    history_path: Path, stream: pl.DataFrame, schema: FeatureSchema, tmp_path: Path
) -> None:
    rows = stream.to_dicts()
    expected = served(warm_history(history_path, schema, Journal()), rows)
    found: list[object] = []
    for start in range(0, 50, 10):
        with open_journal(tmp_path / "journal") as journal:
            again = warm_history(history_path, schema, journal)
            found += served(again, rows[start : start + 10])
    assert found == expected


def test_a_transaction_and_a_label_that_come_again_after_a_restart_count_once(
    history_path: Path, stream: pl.DataFrame, schema: FeatureSchema, tmp_path: Path
) -> None:
    rows = stream.to_dicts()
    expected = served(warm_history(history_path, schema, Journal()), rows)
    with open_journal(tmp_path / "journal") as journal:
        served(warm_history(history_path, schema, journal), rows[:20])
    with open_journal(tmp_path / "journal") as journal:
        history = warm_history(history_path, schema, journal)
        served(history, rows[15:20])
        assert served(history, rows[20:]) == expected[20:]


def test_what_was_ingested_meanwhile_is_not_counted_twice(schema: FeatureSchema, tmp_path: Path) -> None:
    """The journal holds a year that is in the file by now, of which only the end is read."""
    year = make_transactions(3000, cards=12, days=365)
    old, new = year.head(2900), year.tail(100).to_dicts()
    old.write_parquet(tmp_path / "year.parquet")
    expected = served(warm_history(tmp_path / "year.parquet", schema, Journal()), new)
    with open_journal(tmp_path / "journal") as journal:
        for row in old.to_dicts():
            journal.add(Scored(schema.contract.name, row))
        assert served(warm_history(tmp_path / "year.parquet", schema, journal), new) == expected


def test_a_full_disk_costs_no_answer(
    history_path: Path, stream: pl.DataFrame, schema: FeatureSchema, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = stream.to_dicts()
    expected = served(warm_history(history_path, schema, Journal()), rows)
    with open_journal(tmp_path / "journal") as journal, caplog.at_level(logging.ERROR):
        history = warm_history(history_path, schema, journal)
        journal._file.append = _no_room  # type: ignore[union-attr,method-assign]
        assert served(history, rows) == expected
    assert caplog.text.count("is not written to the journal: no room") == 1


def test_an_entry_of_another_kind_stops_the_start(tmp_path: Path) -> None:
    file = JournalFile(tmp_path, kept=10)
    file.append({"scored": ["cards", {"amount": 3}]})
    file.close()
    with pytest.raises(DataError, match=r"holds an entry of \['scored'\], expected one of"), open_journal(tmp_path):
        pass


@pytest.mark.slow
def test_a_killed_service_goes_on_where_it_was(
    history_path: Path, stream: pl.DataFrame, location: Path, make_release: MakeRelease, raw: Raw, tmp_path: Path
) -> None:
    release, place = make_release(), Place(str(location), "", dict(os.environ))
    place.store.put(release)
    place.promote(release.manifest.version)
    rows = [raw(row) for row in stream.iter_rows(named=True)]
    answers: dict[str, list[Any]] = {}
    for name, stops in (("never", ()), ("killed", (10, 30))):
        folder = tmp_path / name
        folder.mkdir()
        answers[name] = []
        for start, end in zip((0, *stops), (*stops, len(rows)), strict=True):
            with running_service(place, history_path, folder) as service:
                answers[name] += [service.send("/v1/score", row)["prediction_id"] for row in rows[start:end]]
                if end < len(rows):
                    service.kill()
    assert answers["killed"] == answers["never"]  # an id has the hash of the features


def _no_room(entry: object) -> None:
    raise OSError("no room")
