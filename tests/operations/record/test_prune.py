"""What is older than it has to be goes, and nothing that a feature can still see."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from time import perf_counter
from typing import Any

import pytest

from mlflow_fraud.adapters.prediction_log.afterwards import labels_of
from mlflow_fraud.adapters.prediction_log.entries import Payment
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.retention import Age, prune
from mlflow_fraud.adapters.prediction_log.space import empty_log
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.operations.record import prune as pruning
from mlflow_fraud.operations.record.audit import audit
from mlflow_fraud.serving import warm_start
from mlflow_fraud.serving.record import Record
from tests.records import RECEIVED, fill


@pytest.fixture
def long(desk: Path, log: PredictionLog, schema: FeatureSchema) -> list[Payment]:
    """A year of 800 payments of five cards."""
    return fill(log, schema, 800, days=360)


def prune_record(days: int) -> str:
    return "\n".join(pruning.prune_record(days))


def needed() -> int:
    with pytest.raises(DataError, match=r"--older-than 1 is less than the \d+ days that features and labels need") as e:
        prune_record(1)
    return int(str(e.value).split("less than the ")[1].split()[0])


def test_too_few_days_are_refused_with_the_number_that_would_do(long: list[Payment], log: PredictionLog) -> None:
    days = needed()
    with pytest.raises(DataError, match=f"the {days} days that features and labels need"):
        prune_record(days - 1)
    assert audit().endswith("no command has changed it")
    prune_record(days)


def test_older_payments_go_with_labels_and_corrections_and_an_audit_line_says_how_many(
    long: list[Payment], log: PredictionLog, contract: Contract
) -> None:
    days = needed()
    cut = long[-64].transaction["event_time"] - timedelta(days=days)
    older = [each for each in long if each.transaction["event_time"] < cut]
    assert len(older) > 50
    said = prune_record(days)
    left = log.count(contract)
    gone = 800 - left
    assert f"{gone} payments of sparkov from before {cut:%Y-%m-%d %H:%M} are gone" in said
    assert f"{left} payments are left, {len(older) - gone} of them older" in said
    assert f"prune       contract sparkov, before {cut.isoformat()}" in audit()
    assert f"payments {gone}, " in audit()
    labels = labels_of(log, contract, [str(each.key[1]) for each in long])
    for each in long:
        there = log.find(contract, each.key[1]) is not None
        assert there or each in older
        assert there or not labels[str(each.key[1])]
    assert "0 payments of sparkov" in prune_record(days)


def test_a_past_that_begins_after_it_sees_the_same(
    long: list[Payment], log: PredictionLog, schema: FeatureSchema, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the last payment of a card that has paid nothing for months, which a feature remembers."""
    monkeypatch.setattr(warm_start, "REPLAYED", 20)
    rare = long[0].transaction | {"card": 7, "event_id": "rare"}
    log.append([long[0]._replace(transaction=rare, place=801)])
    asked = [each.transaction | {"event_id": f"asked-{each.place}"} for each in long[-40:]]
    asked += [asked[-1] | {"card": 7}]
    before = looked_at(log, schema, asked)
    prune_record(needed())
    assert log.count(contract) < 700
    assert looked_at(log, schema, asked) == before
    assert log.find(contract, "rare") is not None


def test_the_room_is_given_back_to_the_disk_by_a_file_that_was_made_to(
    long: list[Payment], log: PredictionLog, address: str
) -> None:
    if not address.startswith("sqlite"):
        pytest.skip("a server's files are its own")
    empty_log(log.engine)
    file = Path(address.removeprefix("sqlite:///"))
    before = file.stat().st_size
    said = prune_record(needed())
    with sqlite3.connect(file) as database:
        assert database.execute("pragma freelist_count").fetchone() == (0,)
    assert f"{(before - file.stat().st_size) / 1e6:,.1f} MB given back to the disk" in said
    assert file.stat().st_size < 0.8 * before
    assert file.with_name(f"{file.name}-wal").stat().st_size == 0  # the log ahead of it, too


def looked_at(log: PredictionLog, schema: FeatureSchema, asked: list[dict[str, Any]]) -> str:
    """Return what a service that starts now would make of transactions."""
    record = Record(log)
    history = warm_start.warm_history(schema, record)
    found = repr([history.look(each) for each in asked])
    record.close()
    return found


def test_a_service_goes_on_writing_meanwhile(long: list[Payment], log: PredictionLog, contract: Contract) -> None:
    """Not one of its writes fails, though many little transactions are made beside them."""
    took, done = [], Event()
    other = PredictionLog(log.engine.url.render_as_string(hide_password=False))

    def serve() -> None:
        for place in range(1001, 5000):
            begun = perf_counter()
            new = long[-1].transaction | {"event_id": f"new-{place}"}
            other.append([long[-1]._replace(place=place, transaction=new)])
            took.append(perf_counter() - begun)
            if done.wait(0.002):
                break
        other.close()

    thread = Thread(target=serve)
    thread.start()
    pruned = prune(log, "sparkov", Age(datetime(2020, 8, 1), datetime(2020, 8, 1), {}), at=RECEIVED)
    done.set()
    thread.join()
    assert pruned.removed.payments > 400
    assert log.count(contract) == 800 - pruned.removed.payments + len(took)
    assert max(took) < 1
