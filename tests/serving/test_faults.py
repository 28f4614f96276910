"""What may go wrong with the record, and what becomes of answers, payments and labels then: the table of its page."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path
from threading import Event, Thread
from time import perf_counter
from typing import Any

import polars as pl
import psycopg
import pytest
import uvicorn

from mlflow_fraud.adapters.prediction_log.alone import LOCK
from mlflow_fraud.adapters.prediction_log.connection import unavailable
from mlflow_fraud.adapters.prediction_log.entries import Payment
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.past import RecordedPast
from mlflow_fraud.adapters.release_store import ReleaseStore, open_store
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.errors import DataError, RecordUnavailable
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.serving.app import create_app
from mlflow_fraud.serving.connections import Server
from mlflow_fraud.serving.main import run
from mlflow_fraud.serving.record import Record, open_record
from mlflow_fraud.serving.warm_start import warm_history
from stack.place import free_ports
from tests.postgres_server import Postgres
from tests.record_databases import MakeDatabase
from tests.serving.conftest import PATIENCE, MakeRelease, Raw, fill, full_disk, go_live, service
from tests.serving.service_process import Place, running_service, until

Row = dict[str, Any]
Trouble = Callable[[Record], Any]


@pytest.fixture
def in_sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'record.db'}"


@pytest.fixture
def in_postgres(postgres: Postgres) -> str:
    return postgres.database(f"faults_{next(NUMBERS)}")


NUMBERS = count(1)


@contextmanager
def kept_at(address: str) -> Iterator[Record]:
    with open_record(address, wait=PATIENCE) as record:
        yield record


def label_of(row: Row) -> Row:
    return {"trans_num": row["trans_num"], "is_fraud": 1, "label_time": row["trans_date_trans_time"]}


def kept(log: PredictionLog, contract: Contract) -> list[tuple[str, str | None]]:
    """Return id and prediction of all payments that a service took in, in their order."""
    payments = RecordedPast(log, contract, log.last_place()).behind(0)
    return [
        (payment.transaction["event_id"], payment.answer and payment.answer.prediction)
        for payment in payments
        if payment.source == "service"
    ]


@contextmanager
def locked(record: Record) -> Iterator[None]:
    """Keep the record from being written, as another program that writes to the file."""
    with closing(sqlite3.connect(str(record.log).removeprefix("sqlite:///"), isolation_level=None)) as other:
        other.execute("begin immediate")
        yield
        other.execute("rollback")


@contextmanager
def no_room(_: Record) -> Iterator[None]:
    """Let no file of this process grow."""
    with full_disk():
        yield


@contextmanager
def locked_table(record: Record) -> Iterator[None]:
    """Keep the record from being written, as another session of the server."""
    with psycopg.connect(at(record)) as other:
        other.execute("lock table payment, label in exclusive mode")
        yield
        other.rollback()


def at(record: Record) -> str:
    """Return the address of a record in PostgreSQL as its driver takes it."""
    return record.log.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")


@pytest.mark.parametrize(
    ("where", "trouble"),
    [
        pytest.param("in_sqlite", locked, id="a locked file"),
        pytest.param("in_sqlite", no_room, id="a full disk"),
        pytest.param("in_postgres", locked_table, id="a locked table", marks=pytest.mark.slow),
    ],
)
def test_a_record_that_cannot_be_written_costs_no_answer_and_has_them_all_afterwards(
    where: str,
    trouble: Trouble,
    request: pytest.FixtureRequest,
    store: ReleaseStore,
    make_release: MakeRelease,
    schema: FeatureSchema,
    rows: list[Row],
) -> None:
    go_live(store, make_release())
    with kept_at(request.getfixturevalue(where)) as record, service(store, record) as client:
        assert client.post("/v1/score", json=rows[0]).json()["recorded"] is True
        with trouble(record):
            answers = [client.post("/v1/score", json=row).json() for row in rows[1:20]]
            assert [answer["recorded"] for answer in answers] == [False] * 19
            began = perf_counter()
            client.post("/v1/score", json=rows[20])
            assert perf_counter() - began < 1  # nobody waits any more
            told = client.get("/readyz").json()
            assert "the record at" in told["record"]
            assert (told["waiting"], told["lost"]) == (20, 0)
            assert client.post("/v1/score", json=rows[1]).json() == answers[0]
            assert client.post("/v1/labels", json=label_of(rows[1])).status_code == 503
        until(lambda: record.writer.trouble is None)
        assert client.post("/v1/score", json=rows[21]).json()["recorded"] is True
        found = kept(record.log, schema.contract)
        assert [event_id for event_id, _ in found] == [row["trans_num"] for row in rows[:22]]
        assert [prediction for _, prediction in found[1:20]] == [answer["prediction_id"] for answer in answers]


@pytest.mark.slow
def test_a_database_that_goes_away_under_load_costs_no_answer_and_has_them_all_afterwards_once_and_in_their_order(
    postgres: Postgres,
    in_postgres: str,
    schema: FeatureSchema,
    location: Path,
    make_release: MakeRelease,
    rows: list[Row],
    tmp_path: Path,
) -> None:
    release, place = make_release(), Place(str(location), "", dict(os.environ))
    place.store.put(release)
    place.promote(release.manifest.version)
    answers: list[tuple[str, int, Row]] = []
    enough = Event()
    with running_service(place, tmp_path, record=in_postgres) as running:

        def ask() -> None:
            for number in count():
                row = {**rows[number % len(rows)], "trans_num": f"under-load-{number}"}
                answers.append((row["trans_num"], *running.post("/v1/score", row)))
                if enough.wait(0.005):
                    return

        asking = Thread(target=ask)
        asking.start()
        try:
            until(lambda: len(answers) > 20 and answers[-1][2]["recorded"])
            postgres.stop()
            seen = len(answers)
            until(lambda: len(answers) > seen + 40)
            assert {answer["recorded"] for _, _, answer in answers[seen + 1 :]} == {False}
            told = running.readiness()
            assert "the record at" in told["record"]
            assert told["waiting"] > 20
            assert running.post("/v1/labels", label_of(rows[0]) | {"trans_num": "under-load-0"})[0] == 503
        finally:
            postgres.start()
        until(lambda: answers[-1][2]["recorded"])
        enough.set()
        asking.join()
        assert {status for _, status, _ in answers} == {200}
        until(lambda: running.readiness()["waiting"] == 0)
        told = running.readiness()
        assert (told["record"], told["lost"]) == (None, 0)
        assert running.post("/v1/labels", label_of(rows[0]) | {"trans_num": "under-load-0"})[0] == 200
        with pytest.raises(DataError, match="is in use by another service"), kept_at(in_postgres):
            pass
    with closing(PredictionLog(in_postgres)) as log:
        assert kept(log, schema.contract) == [(event_id, each["prediction_id"]) for event_id, _, each in answers]


@pytest.mark.slow
def test_a_service_that_nobody_asks_sees_that_its_database_is_away_and_has_its_record_again_when_it_is_back(
    postgres: Postgres, in_postgres: str, caplog: pytest.LogCaptureFixture
) -> None:
    with kept_at(in_postgres) as record:
        postgres.stop()
        try:
            until(lambda: record.writer.trouble is not None)
        finally:
            postgres.start()
        until(lambda: record.writer.trouble is None)
        with pytest.raises(DataError, match="is in use by another service"), kept_at(in_postgres):
            pass
    said = [entry.message for entry in caplog.records if "writer" in entry.name]
    assert ("cannot be used now" in said[0], said[-1]) == (True, "the record can be used again")


@contextmanager
def another(record: Record) -> Iterator[psycopg.Connection[Any]]:
    """Let another service have the record in PostgreSQL, whose connections break; it has it until the block ends."""
    with psycopg.connect(at(record), autocommit=True) as other:
        waits = Thread(target=other.execute, args=(f"select pg_advisory_lock({LOCK})",))
        waits.start()
        with psycopg.connect(at(record), autocommit=True) as administrator:
            mine = [other.info.backend_pid, administrator.info.backend_pid]
            until(lambda: bool(administrator.execute("select 1 from pg_locks where not granted").fetchone()))
            administrator.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() "
                "and pid <> all(%s)",
                [mine],
            )
        waits.join()
        yield other


@pytest.mark.slow
def test_a_service_that_lost_its_record_to_another_one_writes_nothing_until_it_has_it_again(
    in_postgres: str, schema: FeatureSchema, stream: pl.DataFrame
) -> None:
    contract, transactions = schema.contract, stream.to_dicts()
    with kept_at(in_postgres) as record, closing(PredictionLog(in_postgres)) as reader:
        record.settle_all([record.enter(contract, transactions[0])])
        record.writer.flush()
        with another(record):
            record.settle_all([record.enter(contract, transactions[1])])
            until(lambda: "was lost to another service" in (record.writer.trouble or ""))
            assert reader.last_place() == 1
        until(lambda: record.writer.trouble is None)
        assert [event_id for event_id, _ in kept(reader, contract)] == [each["event_id"] for each in transactions[:2]]


@pytest.mark.slow
def test_a_service_whose_record_another_one_wrote_to_meanwhile_writes_nothing_more_and_says_what_to_do(
    in_postgres: str, schema: FeatureSchema, stream: pl.DataFrame
) -> None:
    contract, transactions = schema.contract, stream.to_dicts()
    with kept_at(in_postgres) as record, closing(PredictionLog(in_postgres)) as reader:
        record.settle_all([record.enter(contract, transactions[0])])
        record.writer.flush()
        with another(record):
            at = transactions[1]["event_time"]
            reader.append([Payment(2, contract.name, {"event_id": "another's", "event_time": at}, at)])
            record.settle_all([record.enter(contract, transactions[1])])
        until(lambda: "has 1 payments of another service" in (record.writer.trouble or ""))
        assert "start this service again" in str(record.writer.trouble)
        assert [event_id for event_id, _ in kept(reader, contract)] == [transactions[0]["event_id"], "another's"]
    with kept_at(in_postgres) as again:
        assert again.place == 2


@pytest.mark.slow
def test_what_was_written_when_the_connection_broke_is_not_taken_for_anothers(
    in_postgres: str, schema: FeatureSchema, stream: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract, transactions = schema.contract, stream.to_dicts()
    with kept_at(in_postgres) as record:
        log, add = record.log, record.log._hot.add

        def add_and_break(connection: Any, rows: Any) -> None:
            add(connection, rows)
            monkeypatch.setattr(log._hot, "add", add)
            connection.connection.driver_connection.close()
            raise unavailable(log.engine, ConnectionError("the line broke"))

        monkeypatch.setattr(log._hot, "add", add_and_break)
        for transaction in transactions[:2]:
            record.settle_all([record.enter(contract, transaction)])
            record.writer.flush()
        until(lambda: record.writer.trouble is None and not record.writer.unwritten())
        assert [event_id for event_id, _ in kept(log, contract)] == [each["event_id"] for each in transactions[:2]]


def test_two_services_on_one_record_are_one_too_many(address: str) -> None:
    with (
        kept_at(address),
        pytest.raises(DataError, match="is in use by another service: two would each know half"),
        kept_at(address),
    ):
        pass
    with kept_at(address):
        pass


def written_over(file: Path) -> None:
    """Write over all pages of a file but the first."""
    with file.open("r+b") as pages:
        pages.seek(4096)
        pages.write(b"\xa5" * (file.stat().st_size - 4096))


def cut_off(file: Path) -> None:
    with file.open("r+b") as pages:
        pages.truncate(file.stat().st_size // 8192 * 4096)


def begun_otherwise(file: Path) -> None:
    with file.open("r+b") as pages:
        pages.write(b"\xa5" * 4096)


@pytest.mark.parametrize("torn", [written_over, cut_off, begun_otherwise])
def test_a_torn_file_stops_the_start_with_what_to_do(
    torn: Callable[[Path], None], in_sqlite: str, schema: FeatureSchema, recorded: pl.DataFrame, tmp_path: Path
) -> None:
    fill(in_sqlite, schema, recorded)
    shutil.copy(tmp_path / "record.db", tmp_path / "backup.db")
    torn(tmp_path / "record.db")
    with pytest.raises(RecordUnavailable, match=r"is damaged \(.*\); stop the service, put the newest backup in"):
        starts(in_sqlite, schema)
    for beside in tmp_path.glob("record.db*"):
        beside.unlink()
    shutil.copy(tmp_path / "backup.db", tmp_path / "record.db")
    starts(in_sqlite, schema)


def test_a_service_whose_file_has_empty_pages_in_its_midst_ends_with_what_to_do(
    in_sqlite: str,
    schema: FeatureSchema,
    recorded: pl.DataFrame,
    location: Path,
    make_release: MakeRelease,
    tmp_path: Path,
) -> None:
    fill(in_sqlite, schema, recorded)
    go_live(open_store(str(location)), make_release())
    with closing(sqlite3.connect(tmp_path / "record.db")) as database:
        database.execute("pragma wal_checkpoint(truncate)")
    with (tmp_path / "record.db").open("r+b") as pages:
        middle = (tmp_path / "record.db").stat().st_size // 8192
        pages.seek(4096 * (middle - 10))
        pages.write(bytes(4096 * 20))
    with kept_at(in_sqlite) as record:
        app = create_app(open_store(str(location)), record=record, poll_seconds=0.1)
        server = Server(uvicorn.Config(app, port=free_ports(1)[0], log_config=None))
        with pytest.raises(RecordUnavailable, match=r"is damaged \(.*\); stop the service, put the newest backup in"):
            run(server, app.state.model)


def test_an_empty_file_is_a_new_record_with_a_warning(
    in_sqlite: str, schema: FeatureSchema, recorded: pl.DataFrame, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(in_sqlite, schema, recorded)
    for beside in tmp_path.glob("record.db-*"):
        beside.unlink()
    os.truncate(tmp_path / "record.db", 0)
    starts(in_sqlite, schema)
    assert any("every card starts without a past" in entry.message for entry in caplog.records)


def starts(address: str, schema: FeatureSchema) -> None:
    with kept_at(address) as record:
        warm_history(schema, record)


def test_a_file_that_is_torn_under_a_service_costs_no_answer_and_what_needs_its_pages_says_what_to_do(
    in_sqlite: str,
    store: ReleaseStore,
    make_release: MakeRelease,
    schema: FeatureSchema,
    recorded: pl.DataFrame,
    raw: Raw,
    rows: list[Row],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    go_live(store, make_release())
    fill(in_sqlite, schema, recorded)
    old = raw(recorded.row(100, named=True))
    with kept_at(in_sqlite) as record, service(store, record) as client:
        assert client.post("/v1/score", json=rows[0]).json()["recorded"] is True
        record.log.tidy()
        written_over(tmp_path / "record.db")
        record.log.engine.dispose()  # as in a file that is too large for the memory of its readers
        again = client.post("/v1/score", json=old)
        assert (again.status_code, again.json()["recorded"]) == (200, False)
        assert client.post("/v1/labels", json=label_of(old)).status_code == 503
        assert {client.post("/v1/score", json=row).status_code for row in rows[1:9]} == {200}
    said = [entry.message for entry in caplog.records if "is damaged" in entry.message]
    assert any("put the newest backup in the place of the file" in message for message in said)


@pytest.mark.parametrize("lost", [1, 5_000, 50_000])
def test_of_a_log_whose_end_a_power_cut_took_all_that_came_before_is_there(
    lost: int, in_sqlite: str, contract: Contract, stream: pl.DataFrame, tmp_path: Path
) -> None:
    payments = [Payment(n, contract.name, row, row["event_time"]) for n, row in enumerate(stream.to_dicts(), start=1)]
    with closing(PredictionLog(in_sqlite)) as log:
        for payment in payments:
            log.append([payment])
        (tmp_path / "after").mkdir()
        for file in ("record.db", "record.db-wal"):
            shutil.copy(tmp_path / file, tmp_path / "after")
    ahead = tmp_path / "after/record.db-wal"
    with ahead.open("r+b") as pages:
        pages.truncate(ahead.stat().st_size - lost)
    with closing(PredictionLog(f"sqlite:///{tmp_path / 'after/record.db'}")) as log, log.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        left = log.last_place()
        assert [each.place for each in RecordedPast(log, contract, 50).behind(0)] == list(range(1, left + 1))
        assert 0 < left < 50


@pytest.mark.parametrize(("said", "number"), [("normal", 1), ("full", 2)])
def test_every_connection_waits_for_the_disk_where_that_is_asked_for(said: Any, number: int, in_sqlite: str) -> None:
    with closing(PredictionLog(in_sqlite, synchronous=said)) as log:
        with log.reading() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == number
        with log.writing() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == number


def test_where_no_record_is_none_is_made_by_who_only_reads(empty_database: MakeDatabase, tmp_path: Path) -> None:
    address = empty_database()
    for _ in range(2):
        with pytest.raises(DataError, match=r"there is no record at .*; a service makes it at its start"):
            PredictionLog(address, make=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_what_a_server_never_takes_stops_nothing_behind_it(in_postgres: str, schema: FeatureSchema) -> None:
    moment = datetime(2026, 1, 1)
    with kept_at(in_postgres) as record:
        for event_id in ("good", "without an \x00 end", "better"):
            record.settle_all([record.enter(schema.contract, {"event_id": event_id, "event_time": moment})])
        record.writer.flush()
        assert record.writer.lost == 1
        assert [event_id for event_id, _ in kept(record.log, schema.contract)] == ["good", "better"]


@pytest.mark.slow
def test_a_server_lets_go_of_a_connection_within_seconds_of_the_line_breaking(in_postgres: str) -> None:
    with closing(PredictionLog(in_postgres)) as log, log.writing() as connection:
        asked = ("idle", "interval", "count")
        told = [connection.exec_driver_sql(f"show tcp_keepalives_{each}").scalar() for each in asked]
    assert told == ["3", "1", "3"]
