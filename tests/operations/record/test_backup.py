"""A backup is the whole record of one moment in one file, and a record again when it is restored."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Event, Thread
from time import sleep
from typing import Any

import pytest
from sqlalchemy import select

from mlflow_fraud.adapters.prediction_log.copying import TABLES
from mlflow_fraud.adapters.prediction_log.entries import Label, Payment
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.errors import DataError, FraudError
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.operations.record.backup import backup, restore_backup
from mlflow_fraud.operations.record.quarantine import quarantine
from tests.record_databases import MakeDatabase
from tests.records import RECEIVED, answered, fill, note_of, payments

RECORD = "mlflow_fraud.operations.record"


def everything(log: PredictionLog) -> Mapping[str, list[Any]]:
    with log.reading() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in TABLES
            if table.name != "audit"
        }


def test_a_backup_that_is_restored_is_the_same_record_and_goes_on(
    filled: list[Payment], desk: Path, log: PredictionLog, empty_database: MakeDatabase, monkeypatch: Any
) -> None:
    quarantine("2020-02-01", "2020-02-02", "zeros")
    said = backup(desk / "monday.db")
    assert "50 payments, 26 labels and 5 corrections from " in said
    assert stat.S_IMODE((desk / "monday.db").stat().st_mode) == 0o600
    new = empty_database()
    monkeypatch.setenv("FRAUD_PREDICTION_LOG", new)
    assert "50 payments, 26 labels and 5 corrections from " in restore_backup(desk / "monday.db", None)
    restored = PredictionLog(new)
    assert everything(restored) == everything(log)
    again = Label(filled[1].key, 1, RECEIVED)
    restored.add_labels([again], received=RECEIVED, source="service")
    assert restored.last_label() == 27
    restored.append([each._replace(place=each.place + 50) for each in payments(52)[50:]])
    assert restored.last_place() == 102
    restored.close()
    with pytest.raises(DataError, match="holds something; a backup goes into an empty record"):
        restore_backup(desk / "monday.db", None)


def test_a_backup_while_a_service_writes_has_each_payment_with_its_answer_and_no_gap(
    desk: Path, log: PredictionLog, schema: FeatureSchema
) -> None:
    given = answered(payments(3000), schema)
    log.append([note_of(schema), *given[:500]])
    done = Event()

    def serve() -> None:
        for place in range(500, 3000, 5):
            log.append(given[place : place + 5])
            if done.wait(0.001):
                break

    thread = Thread(target=serve)
    thread.start()
    for number in range(3):
        backup(desk / f"{number}.db")
    done.set()
    thread.join()
    sizes = []
    for number in range(3):
        with sqlite3.connect(desk / f"{number}.db") as database:
            assert database.execute("pragma integrity_check").fetchone() == ("ok",)
            ((count, last, unanswered),) = database.execute(
                "select count(*), max(place), sum(prediction is null or features is null) from payment"
            )
        assert (count, unanswered, count % 5) == (last, 0, 0)
        sizes.append(count)
    assert sizes == sorted(sizes)
    assert sizes[0] >= 500


def test_a_backup_that_is_put_in_the_place_of_a_record_gives_room_back(filled: list[Payment], desk: Path) -> None:
    backup(desk / "monday.db")
    with sqlite3.connect(desk / "monday.db") as database:
        assert database.execute("pragma auto_vacuum").fetchone() == (2,)


def test_a_backup_takes_the_place_of_nothing(filled: list[Payment], desk: Path) -> None:
    backup(desk / "monday.db")
    before = (desk / "monday.db").read_bytes()
    with pytest.raises(DataError, match=r"monday.db is there; .* give it a name of its own"):
        backup(desk / "monday.db")
    assert (desk / "monday.db").read_bytes() == before
    (desk / "file").write_text("")
    with pytest.raises(FraudError, match="cannot be"):
        backup(desk / "file" / "monday.db")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        pytest.param(lambda file: file.unlink(), "is not there; expected a file that", id="missing"),
        pytest.param(lambda file: file.write_text("no database at all" * 100), "is no whole backup", id="no database"),
        pytest.param(lambda file: os.truncate(file, file.stat().st_size // 2), "is no whole backup", id="cut off"),
        pytest.param(lambda file: step(file, "0001"), "is of step 0001, .* record upgrade", id="older"),
        pytest.param(lambda file: step(file, "9999"), "is of step 9999, .* run the newer program", id="newer"),
        pytest.param(lambda file: others(file), "holds no record but other tables", id="another program's"),
    ],
)
def test_what_is_no_backup_of_this_program_is_refused_and_nothing_is_changed(
    filled: list[Payment], desk: Path, monkeypatch: pytest.MonkeyPatch, spoil: Any, sentence: str
) -> None:
    backup(desk / "monday.db")
    spoil(desk / "monday.db")
    monkeypatch.setenv("FRAUD_PREDICTION_LOG", f"sqlite:///{desk / 'new.db'}")
    with pytest.raises(DataError, match=sentence):
        restore_backup(desk / "monday.db", None)
    empty = PredictionLog(f"sqlite:///{desk / 'new.db'}")
    assert set(map(tuple, everything(empty).values())) == {()}
    empty.close()


def step(file: Path, number: str) -> None:
    with sqlite3.connect(file) as database:
        database.execute("update alembic_version set version_num = ?", (number,))


def others(file: Path) -> None:
    file.unlink()
    with sqlite3.connect(file) as database:
        database.execute("create table accounts (id integer)")


def test_a_service_that_has_the_record_is_not_restored_under(
    filled: list[Payment], desk: Path, log: PredictionLog
) -> None:
    backup(desk / "monday.db")
    with log.alone(), pytest.raises(DataError, match="is in use by another service"):
        restore_backup(desk / "monday.db", None)


@pytest.fixture
def large(desk: Path, log: PredictionLog, schema: FeatureSchema) -> list[Payment]:
    """A record that takes a moment to be read."""
    return fill(log, schema, 4000, days=360)


@pytest.mark.parametrize("after", [0.02, 0.3])
@pytest.mark.parametrize(
    "call",
    [
        pytest.param("backup import backup; backup(Path('monday.db'))", id="backup"),
        pytest.param("forget import forget; list(forget(['--card', '4000000000000003']))", id="forget"),
        pytest.param("prune import prune_record; list(prune_record(150))", id="prune"),
        pytest.param("backup import restore_backup; restore_backup(Path('of-before.db'), None)", id="restore"),
    ],
)
@pytest.mark.slow
def test_a_command_that_is_killed_leaves_no_half(
    large: list[Payment],
    desk: Path,
    log: PredictionLog,
    contract: Contract,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    after: float,
) -> None:
    if "restore" in call:
        backup(desk / "of-before.db")
        monkeypatch.setenv("FRAUD_PREDICTION_LOG", f"sqlite:///{desk / 'new.db'}")
        log = PredictionLog(f"sqlite:///{desk / 'new.db'}")
    killed(call, after)
    rows = everything(log)
    there, cards = {row[2] for row in rows["payment"]}, 4000
    labels = sum(1 + (n % 6 == 0) for n, each in enumerate(large) if n % 3 == 0 and each.key[1] in there)
    assert len(rows["label"]) == labels
    assert len(rows["correction"]) == sum(each.key[1] in there for each in large[::10])
    theirs = {each.key[1] for each in large if each.transaction["card"] == 4_000_000_000_000_003}
    if "forget" in call:
        assert len(there) == (cards - len(theirs) if rows["tombstone"] else cards)
    if "restore" in call:
        assert len(there) in (0, cards)
    if (desk / "monday.db").exists():
        assert PredictionLog(f"sqlite:///{desk / 'monday.db'}").count(contract) == cards


def killed(call: str, after: float) -> None:
    """Run a command in a process of its own and kill it so many seconds after it has begun its work."""
    code = (
        "from pathlib import Path; import sys\n"
        f"import mlflow_fraud.operations.record.{call.split()[0]}\n"
        "print('begun', flush=True)\n"
        f"from mlflow_fraud.operations.record.{call}\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    sleep(after)
    process.send_signal(signal.SIGKILL)
    process.wait()
