"""The record keeps what it is given, in SQLite and in PostgreSQL alike."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from polars.testing import assert_frame_equal
from sqlalchemy import text
from sqlalchemy.event import listen

from mlflow_fraud.adapters.prediction_log.afterwards import (
    as_table,
    corrections_of,
    labels_of,
    learned_after,
    take_labels,
    times_of,
)
from mlflow_fraud.adapters.prediction_log.connection import connect
from mlflow_fraud.adapters.prediction_log.entries import Answer, Correction, Label, ReleaseNote
from mlflow_fraud.adapters.prediction_log.lateness import came_later_than
from mlflow_fraud.adapters.prediction_log.log import Part, PredictionLog
from mlflow_fraud.adapters.prediction_log.past import RecordedPast
from mlflow_fraud.adapters.prediction_log.tables import METADATA
from mlflow_fraud.adapters.prediction_log.versions import newest, upgrade
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.errors import DataError, RecordUnavailable, SettingsError
from tests.conftest import make_transactions
from tests.postgres_server import PASSWORD, Postgres
from tests.records import RECEIVED, payments

OF_THE_FIRST_STEP = """
insert into payment (place, contract, event_id, event_time, received, source, content, prediction)
values (7, 'sparkov', 'a', '2026-01-01 12:00:00.000000', '2026-01-01 12:00:00.000000', 'service', '{}',
        'xgboost-1.0123456789abcdef')
"""
NOTE = ReleaseNote("xgboost-1", "5c4e", '{"names":[]}', '{"version":"xgboost-1"}')


def test_a_payment_comes_back_as_it_was_given(log: PredictionLog, contract: Contract) -> None:
    answer = Answer("xgboost-1.abc", "xgboost-1", b"\x00\x01\xff", 0.1 + 0.2, True, 0.25, 812)
    (payment,) = payments(1, answer=answer, scores={"a": -1234, "b": None})
    log.append([NOTE, payment])
    asked = {"unix_time": None, **payment.transaction}
    assert log.find(contract, payment.transaction["event_id"]) == payment._replace(transaction=asked)
    assert log.find(contract, "another") is None


def test_what_is_sent_again_stays_as_it_came_first(log: PredictionLog, contract: Contract) -> None:
    first, *others = payments()
    log.append([first])
    log.append([first._replace(transaction={**first.transaction, "amount": 1}), *others])
    found = log.find(contract, first.transaction["event_id"])
    assert found is not None
    assert found.transaction["amount"] == first.transaction["amount"]
    assert log.last_place() == 50


def test_a_table_of_payments_has_the_values_of_each(log: PredictionLog, contract: Contract) -> None:
    log.append(payments())
    found = RecordedPast(log, contract, 50).since(None).sort("place")
    names = [column.name for column in contract.kept if column.role not in ("label", "label_time")]
    expected = make_transactions(50, cards=5).select(names)
    assert_frame_equal(found.select(names), expected, check_exact=True)
    for place, row in enumerate(found.select(names).to_dicts(), start=1):
        alone = RecordedPast(log, contract, 50).behind(place - 1)[0].transaction
        assert row == {name: alone[name] for name in row}


def test_a_window_of_the_past_is_read_alone(log: PredictionLog, contract: Contract) -> None:
    given = payments()
    log.append(given)
    since = given[20].transaction["event_time"]
    assert sorted(RecordedPast(log, contract, 40).since(since)["place"]) == list(range(21, 41))
    assert [payment.place for payment in RecordedPast(log, contract, 50).behind(45)] == [46, 47, 48, 49, 50]
    assert RecordedPast(log, contract, 50).reached(10) == given[40].transaction["event_time"]


def test_one_that_was_reversed_is_found_beside_the_last_before_a_window(log: PredictionLog, contract: Contract) -> None:
    given = [each for each in payments(50) if each.transaction["card"] == payments(1)[0].transaction["card"]]
    log.append(given)
    gone = given[-1]
    log.add_correction(Correction(gone.key, None, gone.transaction["event_time"]), received=RECEIVED, source="service")
    after = gone.transaction["event_time"] + timedelta(days=1)
    found = RecordedPast(log, contract, 50).last_before(after, {("card",): 1})
    assert sorted(found["place"]) == [each.place for each in given[-2:]]


def test_the_last_before_a_window_are_found_for_each_card(log: PredictionLog, contract: Contract) -> None:
    given = payments(scores={"x": 5})
    log.append(given)
    before = given[30].transaction["event_time"]
    found = RecordedPast(log, contract, 50).last_before(before, {("card",): 2})
    rows = pl.DataFrame([payment.transaction | {"place": payment.place} for payment in given[:30]])
    expected = rows.sort("event_time").group_by("card").tail(2)
    assert sorted(found["place"]) == sorted(expected["place"])
    assert set(found["scores"]) == {'{"x":5}'}


def test_a_label_is_kept_once_and_each_change_of_it_too(log: PredictionLog, contract: Contract) -> None:
    (payment,) = payments(1)
    log.append([payment])
    event_id, at = payment.transaction["event_id"], payment.transaction["event_time"]
    told = [Label(payment.key, 1, at + timedelta(days=3)), Label(payment.key, 0, at + timedelta(days=9))]
    stranger = Label((contract.name, "of nobody"), 1, at)
    times = times_of(log, contract, [event_id, "of nobody"])
    assert times == {event_id: at}
    said = [*told, *told, told[0]._replace(arrived=at + timedelta(days=5)), stranger, stranger._replace(of=payment.key)]
    said[-1] = said[-1]._replace(arrived=at - timedelta(seconds=1))
    outcomes = take_labels(log, contract, said, times, received=RECEIVED, source="file")
    assert outcomes == ["noted", "noted", "known", "known", "noted", "unmatched", "too early"]
    told.append(said[4])
    assert labels_of(log, contract, [event_id]) == {event_id: [(each.label, each.arrived) for each in told]}
    assert RecordedPast(log, contract, 1).known_since(None)["label"].to_list() == [1, 0, 1]
    since = RecordedPast(log, contract, 1).known_since(at + timedelta(days=6))
    assert since.select("event_id", "label", "amount").rows() == [(event_id, 0, payment.transaction["amount"])]
    first, second, third = learned_after(log, contract, 0)
    assert (first.of, first.others) == (payment, ())
    assert second.others == ((1, told[0].arrived),)
    assert learned_after(log, contract, first.number) == [second, third]


def test_a_correction_is_kept_with_what_the_payment_is_now(log: PredictionLog, contract: Contract) -> None:
    given = payments(3)
    log.append(given)
    first, second, _ = given
    at = first.transaction["event_time"]
    other = {**first.transaction, "amount": 5}
    for correction in (Correction(first.key, other, at), Correction(first.key, None, at + timedelta(days=1))):
        log.add_correction(correction, received=RECEIVED, source="service")
    assert log.last_correction() == 2
    assert [each.instead for each in corrections_of(log, contract, first)] == [other, None]
    assert corrections_of(log, contract, second) == []
    found = RecordedPast(log, contract, 3).corrections_since(None)
    assert [(each.of, each.instead) for each in found] == [(first, other), (first, None)]
    table = as_table(found, contract)
    assert table.select("event_id", "amount", "reversed").rows() == [
        (first.transaction["event_id"], 5, False),
        (first.transaction["event_id"], None, True),
    ]
    later = RecordedPast(log, contract, 3).corrections_since(at + timedelta(days=3000))
    assert later == []


def test_the_newest_ids_say_up_to_when_the_others_are(log: PredictionLog) -> None:
    given = payments()
    log.append(given)
    first, last, latest, others = log.newest_ids(10)
    found = log.ids(first, last)
    assert sorted(event_id for _, event_id in found) == sorted(p.transaction["event_id"] for p in given[40:])
    assert (latest, others) == tuple(given[n].transaction["event_time"] for n in (49, 39))
    assert log.newest_ids(50).latest_of_others is None
    assert len(log.ids(*log.newest_ids(60)[:2])) == 50


def test_an_empty_record_has_no_newest_ids(log: PredictionLog) -> None:
    first, last, latest, others = log.newest_ids(10)
    assert (log.ids(first, last), latest, others) == ([], None, None)
    assert first == last + 1


def test_the_steps_lead_to_the_tables_that_the_program_reads(address: str) -> None:
    engine = connect(address)
    assert upgrade(engine) == (None, newest())
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    PredictionLog(address).close()
    engine.dispose()


def test_a_record_of_a_newer_step_is_refused(address: str) -> None:
    PredictionLog(address).close()
    engine = connect(address)
    with engine.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(DataError, match=f"is of step 9999, this program expects {newest()}; run the newer program"):
        PredictionLog(address)
    engine.dispose()


def test_an_older_record_is_refused_with_the_command_that_takes_it_along_with_what_it_holds(address: str) -> None:
    engine = connect(address)
    upgrade(engine, to="0001")
    with engine.begin() as connection:
        connection.execute(text(OF_THE_FIRST_STEP))
    with pytest.raises(DataError, match=r"is of step 0001, .*; copy it .* then `mlflow-fraud record upgrade`"):
        PredictionLog(address)
    assert upgrade(engine) == ("0001", newest())
    log = PredictionLog(address)
    assert log.last_place() == 7
    found = log.by_prediction("xgboost-1.0123456789abcdef")  # an id as it was then, without its place
    assert found is not None
    assert found.payment["place"] == 7
    log.close()
    engine.dispose()


def test_a_database_of_something_else_is_left_alone(address: str) -> None:
    engine = connect(address)
    with engine.begin() as connection:
        connection.execute(text("create table accounts (id integer)"))
    with pytest.raises(DataError, match=r"holds no record but other tables \(accounts\)"):
        PredictionLog(address)
    engine.dispose()


@pytest.mark.parametrize("wrong", ["record.db", "mysql://host/record", "sqlite://", "sqlite:///:memory:", ""])
def test_an_address_that_names_no_database_is_a_sentence(wrong: str) -> None:
    with pytest.raises(SettingsError, match=r"expected sqlite:///<file> or postgresql\+psycopg://"):
        PredictionLog(wrong)


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    PredictionLog(f"sqlite:///{tmp_path / 'new' / 'record.db'}").close()
    assert (tmp_path / "new/record.db").stat().st_mode & 0o077 == 0


def test_a_locked_file_is_a_sentence_and_nothing_is_half_written(tmp_path: Path, contract: Contract) -> None:
    log = PredictionLog(f"sqlite:///{tmp_path / 'record.db'}")
    other = sqlite3.connect(tmp_path / "record.db", isolation_level=None)
    other.execute("begin immediate")
    with pytest.raises(RecordUnavailable, match="cannot be used now: database is locked"):
        log.append(payments())
    other.execute("rollback")
    assert log.last_place() == 0
    log.append(payments())
    assert log.last_place() == 50


@pytest.mark.slow
def test_a_server_that_lets_nobody_in_is_a_sentence_without_the_password(postgres: Postgres) -> None:
    with pytest.raises(RecordUnavailable, match="password authentication failed") as caught:
        PredictionLog(postgres.address.replace(PASSWORD, "another"))
    assert "another" not in str(caught.value)


def test_a_history_is_taken_in_whole_or_not_at_all(log: PredictionLog, contract: Contract) -> None:
    given = payments()

    def parts() -> Iterator[Part]:
        yield given[:25], [Label(given[0].key, 1, RECEIVED)]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        log.take_in(parts(), received=RECEIVED, source="history")
    assert (log.count(contract), log.last_label()) == (0, 0)
    log.take_in([(given, [])], received=RECEIVED, source="history")
    assert log.count(contract) == 50


def test_a_row_with_values_that_no_contract_has_is_read_as_far_as_it_can_be(
    log: PredictionLog, contract: Contract
) -> None:
    """An earlier program may have written what this one refuses."""
    given = payments(4)
    wrong = [{"amount": 10**302}, {"amount": "much"}, {"birth_date": 7, "city_pop": 1.5}]
    rows = [{**payment.transaction, **each} for payment, each in zip(given, wrong, strict=False)]
    log.append([*(payment._replace(transaction=row) for payment, row in zip(given, rows, strict=False)), given[3]])
    found = RecordedPast(log, contract, 10).since(None).sort("place")
    assert found["amount"].to_list() == [None, None, given[2].transaction["amount"], given[3].transaction["amount"]]
    assert found["birth_date"].to_list()[2:] == [None, given[3].transaction["birth_date"]]


def test_what_was_told_last_is_found_by_its_number_and_not_by_a_look_at_all_of_it(
    tmp_path: Path, contract: Contract
) -> None:
    log, asked = PredictionLog(f"sqlite:///{tmp_path / 'record.db'}"), []
    listen(log.engine, "before_cursor_execute", lambda *told: asked.append(told[2:4]))
    learned_after(log, contract, 7)
    with log.reading() as connection:
        plans = [
            " ".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values))
            for statement, values in tuple(asked)
            if "label.number >" in statement
        ]
    log.close()
    assert plans == ["SEARCH label USING INTEGER PRIMARY KEY (rowid>?)"]


def test_what_came_late_is_told_by_what_had_been_reached_by_then(log: PredictionLog) -> None:
    day, given = timedelta(days=1), payments(70)
    reached = given[69 - 63].transaction["event_time"]  # the least of the 64 latest
    given.append(given[0]._replace(place=71, transaction=_at(given[0].transaction, "late", reached - day * 1.01)))
    given.append(given[0]._replace(place=72, transaction=_at(given[0].transaction, "in time", reached - day * 0.99)))
    newest = given[69].transaction["event_time"]
    given.append(given[0]._replace(place=73, transaction=_at(given[0].transaction, "ahead", newest + 400 * day)))
    given.append(given[0]._replace(place=74, transaction=_at(given[0].transaction, "after one ahead", newest)))
    log.append(given)
    with log.reading() as connection:
        assert came_later_than(connection, "sparkov", day) == {71}
        assert came_later_than(connection, "another", day) == set()


def _at(transaction: dict[str, Any], event_id: str, at: datetime) -> dict[str, Any]:
    return {**transaction, "event_id": event_id, "event_time": at}
