"""What was asked and answered is in the record; where it cannot be, the answer goes out all the same and says so."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Event, get_native_id
from typing import Any

import numpy as np
import polars as pl
import pytest
from fastapi.testclient import TestClient

from mlflow_fraud.adapters.prediction_log.afterwards import labels_of
from mlflow_fraud.adapters.prediction_log.entries import Entry, Payment
from mlflow_fraud.adapters.release_store import ReleaseStore
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.errors import DataError, RecordUnavailable
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.core.ports import Scorer
from mlflow_fraud.serving.priority import BEHIND
from mlflow_fraud.serving.record import Record, open_record
from mlflow_fraud.serving.writer import Writer
from tests.serving.conftest import MakeRelease, go_live, service
from tests.serving.old_journal import write_journal
from tests.serving.service_process import until

Row = dict[str, Any]


@pytest.fixture
def answering(store: ReleaseStore, record: Record, make_release: MakeRelease) -> Iterator[TestClient]:
    go_live(store, make_release())
    with service(store, record) as client:
        yield client


def test_an_answer_is_in_the_record_with_what_it_was_made_of(
    answering: TestClient, record: Record, rows: list[Row], schema: FeatureSchema
) -> None:
    answer = answering.post("/v1/score", json=rows[0]).json()
    assert answer["recorded"] is True
    told = record.log.by_prediction(answer["prediction_id"])
    assert told is not None
    payment = told.payment
    assert (payment["event_id"], payment["source"]) == (rows[0]["trans_num"], "service")
    assert (payment["probability"], payment["threshold"]) == (answer["probability"], answer["threshold"])
    assert payment["release"] == answer["model_version"]
    assert len(np.frombuffer(payment["features"], np.float32)) == len(schema.names)
    assert payment["took_us"] > 0
    assert schema.sha256 in payment["document"]
    assert answer["model_version"] in payment["manifest"]


def test_an_answer_can_be_asked_for_by_its_id(
    answering: TestClient, record: Record, rows: list[Row], schema: FeatureSchema
) -> None:
    answer = answering.post("/v1/score", json=rows[0]).json()
    record.writer.flush()
    answering.post("/v1/labels", json=label_of(rows[0]))
    found = answering.get(f"/v1/predictions/{answer['prediction_id']}").json()
    assert {name: found[name] for name in ("prediction_id", "probability", "decision", "threshold")} == {
        name: answer[name] for name in ("prediction_id", "probability", "decision", "threshold")
    }
    assert found["transaction"]["amount"] == round(rows[0]["amt"] * 100)
    assert list(found["features"]) == schema.names
    assert found["features"]["amount"] == found["transaction"]["amount"]
    assert found["release"] == answer["model_version"]
    assert [label["label"] for label in found["labels"]] == [1]
    assert answering.get("/v1/predictions/of-nobody").status_code == 404
    assert answering.get("/v1/predictions/%00").status_code == 404


def test_one_that_is_sent_again_gets_the_answer_that_it_got_also_from_another_release(
    answering: TestClient, store: ReleaseStore, record: Record, rows: list[Row], make_release: MakeRelease
) -> None:
    first = answering.post("/v1/score", json=rows[0]).json()
    go_live(store, make_release(rounds=9))
    answering.app.state.model.poll()  # type: ignore[attr-defined]
    assert answering.get("/v1/model").json()["version"] != first["model_version"]
    assert answering.post("/v1/score", json=rows[0]).json() == first
    record._recent.clear()  # as after a restart
    assert answering.post("/v1/score", json=rows[0]).json() == first


def test_another_payment_under_a_known_id_is_refused_and_changes_nothing(
    answering: TestClient, record: Record, rows: list[Row]
) -> None:
    first = answering.post("/v1/score", json=rows[0]).json()
    refused = answering.post("/v1/score", json={**rows[0], "amt": 1.0})
    assert refused.status_code == 409
    assert "was scored with other content" in refused.json()["detail"]
    assert answering.post("/v1/score", json=rows[0]).json() == first


class NoNumber:
    def score(self, rows: np.ndarray) -> np.ndarray:
        return np.full(len(rows), np.nan)


class BreaksDown:
    def score(self, rows: np.ndarray) -> np.ndarray:
        raise ArithmeticError("of the library's own kind")


@pytest.mark.parametrize("scorer", [NoNumber(), BreaksDown()], ids=lambda scorer: type(scorer).__name__)
def test_a_payment_without_an_answer_is_of_the_past_and_gets_one_when_it_is_sent_again(
    scorer: Scorer, answering: TestClient, record: Record, rows: list[Row], contract: Contract
) -> None:
    model = answering.app.state.model  # type: ignore[attr-defined]
    good = model.current

    model.current = replace(good, scorer=scorer)
    assert answering.post("/v1/score", json=rows[0]).status_code == 500
    place = record.place
    model.current = good
    answer = answering.post("/v1/score", json=rows[0]).json()
    assert answer["recorded"] is True
    assert record.place == place
    kept = record.log.find(contract, rows[0]["trans_num"])
    assert kept is not None
    assert kept.answer is not None
    assert kept.answer.prediction == answer["prediction_id"]


def label_of(row: Row) -> Row:
    return {"trans_num": row["trans_num"], "is_fraud": 1, "label_time": row["trans_date_trans_time"]}


class Slow:
    """A log that takes its time, or nothing at all."""

    def __init__(self) -> None:
        self.took: list[Entry] = []
        self.away = True
        self.gate: Event | None = None
        self.refused: Entry | None = None
        self.goes_after: int | None = None
        """After so many it is away."""

    def append(self, entries: Sequence[Entry]) -> None:
        if self.gate:
            self.gate.wait()
        if self.refused in entries:
            raise ValueError("there is no place for this")
        self.away = self.away or self.goes_after == len(self.took)
        if self.away:
            raise RecordUnavailable("the record is away")
        self.took += entries

    def tidy(self) -> None:
        """Nothing to do."""


def numbered(number: int, at: datetime) -> Payment:
    """Return a payment with nothing but its number and its time."""
    return Payment(number, "sparkov", {"event_id": number, "event_time": at}, at)


def test_an_answer_does_not_wait_for_a_record_that_is_slow(contract: Contract, stream: pl.DataFrame) -> None:
    log, at = Slow(), stream["event_time"][0]
    log.away, log.gate = False, Event()
    writer = Writer(log, wait=0.01)
    done = writer.put(numbered(1, at))
    assert asyncio.run(writer.written(done)) is False
    assert asyncio.run(writer.written(writer.put(Payment(2, "sparkov", {"event_id": 2}, at)))) is False
    log.gate.set()
    writer.flush()
    assert done.written is True
    writer.close()


def test_what_is_given_together_is_begun_when_it_is_waited_for_or_something_comes_alone(
    stream: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlflow_fraud.serving.writer.TIDY_SECONDS", 3600.0)
    log, at = Slow(), stream["event_time"][0]
    log.away = False
    writer = Writer(log, wait=60.0)
    until(lambda: writer._sleeps)
    payments = [numbered(n, at) for n in range(9)]
    tickets = writer.put_all(payments[:4])
    assert (writer._sleeps, log.took, writer.unwritten()) == (True, [], payments[:4])
    assert asyncio.run(writer.written(tickets[-1])) is True
    assert log.took == payments[:4]
    writer.put_all(payments[4:8])
    writer.put(payments[8])
    until(lambda: log.took == payments)  # in the order in which they came
    writer.close()


def test_what_was_given_together_and_nobody_waits_for_is_written_soon(
    stream: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlflow_fraud.serving.writer.TIDY_SECONDS", 0.01)
    log, at = Slow(), stream["event_time"][0]
    log.away = False
    writer = Writer(log)
    writer.put_all([numbered(1, at)])
    until(lambda: len(log.took) == 1)
    writer.close()


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux alone")
def test_the_thread_that_tidies_is_behind_the_one_that_writes_what_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mlflow_fraud.serving.writer.TIDY_SECONDS", 0.01)
    ours, found = os.getpriority(os.PRIO_PROCESS, 0), dict[str, int]()

    class Noting(Slow):
        def append(self, entries: Sequence[Entry]) -> None:
            found["writes"] = os.getpriority(os.PRIO_PROCESS, get_native_id())

        def tidy(self) -> None:
            found["tidies"] = os.getpriority(os.PRIO_PROCESS, get_native_id())

    writer = Writer(Noting())
    writer.put(numbered(1, datetime(2026, 1, 1)))
    until(lambda: len(found) == 2)
    writer.close()
    assert found == {"writes": ours, "tidies": min(ours + BEHIND, 19)}


def test_what_no_record_takes_stops_nothing_behind_it(
    record: Record, contract: Contract, recorded: pl.DataFrame
) -> None:
    at = recorded["event_time"][0]
    for event_id, amount in (("good", 1), ("bad", object()), ("better", 2)):
        record.settle_all([record.enter(contract, {"event_id": event_id, "event_time": at, "amount": amount})])
    record.writer.flush()
    assert [bool(record.log.find(contract, each)) for each in ("good", "bad", "better")] == [True, False, True]
    assert record.writer.lost == 1


def test_what_goes_away_while_an_entry_is_left_out_is_written_later_and_not_lost(
    contract: Contract, stream: pl.DataFrame
) -> None:
    log, at = Slow(), stream["event_time"][0]
    log.away, log.gate = False, Event()
    writer = Writer(log)
    entries = [numbered(n, at) for n in range(6)]
    log.refused, log.goes_after = entries[3], 2
    tickets = [writer.put(entry) for entry in entries]
    log.gate.set()
    until(lambda: writer.trouble is not None)
    assert (log.took, writer.unwritten()) == (entries[:2], entries[2:])
    assert [ticket.written for ticket in tickets] == [True, True, False, False, False, False]
    log.away, log.goes_after = False, None
    until(lambda: writer.trouble is None and not writer.unwritten())
    assert log.took == [*entries[:3], *entries[4:]]
    assert writer.lost == 1
    writer.close()


def test_of_too_many_that_wait_the_oldest_are_lost_and_counted(contract: Contract, stream: pl.DataFrame) -> None:
    log = Slow()
    writer = Writer(log, backlog=10)
    at = stream["event_time"][0]
    payments = [numbered(n, at) for n in range(25)]
    for payment in payments:
        writer.put(payment)
    until(lambda: writer.trouble is not None and not writer._in_hand)
    assert writer.lost + len(writer.unwritten()) == 25
    assert 10 <= len(writer.unwritten()) <= 20  # and those that were in hand when it broke
    log.away = False
    until(lambda: writer.trouble is None)
    assert log.took == payments[-len(log.took) :]
    last = writer.put(payments[0])
    writer.flush()
    assert last.written is True
    writer.close()


def test_a_journal_is_taken_over_once_and_put_aside(tmp_path: Path, stream: pl.DataFrame, contract: Contract) -> None:
    rows = stream.drop("label", "batch").to_dicts()
    arrived = rows[0]["event_time"]
    entries = [{"scored": ["sparkov", row]} for row in rows] + [
        {"label": [["sparkov", rows[0]["event_id"]], 1, arrived]}
    ]
    write_journal(tmp_path / "journal", entries)
    with (tmp_path / "journal/newer.jsonl").open("ab") as torn:
        torn.write(b'{"scored":["sparkov",{"event_id":"to')
    for _ in range(2):
        with open_record(f"sqlite:///{tmp_path / 'record.db'}", journal=tmp_path / "journal") as record:
            assert record.log.count(contract) == len(rows)
            known = labels_of(record.log, contract, [rows[0]["event_id"]])
            assert [label for label, _ in known[rows[0]["event_id"]]] == [1]
            kept = record.log.find(contract, rows[7]["event_id"])
            assert kept is not None
            assert {name: kept.transaction[name] for name in rows[7]} == rows[7]
    assert [path.name for path in (tmp_path / "journal").iterdir()] == ["newer.jsonl.taken-over"]


def test_a_line_that_is_no_entry_stops_the_start_and_is_named(tmp_path: Path) -> None:
    write_journal(tmp_path / "journal", [{"scored": ["cards", {"amount": 3}]}])
    with (
        pytest.raises(DataError, match=r"newer.jsonl:1: expected an entry of the journal, found something else"),
        open_record(f"sqlite:///{tmp_path / 'record.db'}", journal=tmp_path / "journal"),
    ):
        pass
