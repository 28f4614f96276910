"""A person who is forgotten is gone from the record to the last byte, and out of all that is read from then on."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from mlflow_fraud.adapters.prediction_log.afterwards import labels_of
from mlflow_fraud.adapters.prediction_log.entries import Payment
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.past import RecordedPast
from mlflow_fraud.cli import app
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.contract.pseudonym_key import read_key
from mlflow_fraud.core.errors import DataError, SettingsError
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.operations.record.audit import audit
from mlflow_fraud.operations.record.backup import backup, restore_backup
from mlflow_fraud.operations.record.forget import forget
from mlflow_fraud.operations.record.seed import _forgotten, seed_record
from mlflow_fraud.stages.ingest import ingest
from tests.conftest import make_transactions, write_pointer
from tests.records import payments
from tests.secret_contract import KEY, secret_document

CARD = 4_000_000_000_000_003
ADDED = "2020-01-01_2020-12-31"


def cards(log: PredictionLog, contract: Contract) -> set[object]:
    return set(RecordedPast(log, contract, log.last_place()).since(None)["card"])


def told(*who: str) -> str:
    return "\n".join(forget(who))


def test_all_of_a_card_is_gone_with_labels_and_corrections_and_nobody_elses(
    filled: list[Payment], log: PredictionLog, contract: Contract
) -> None:
    theirs = [each for each in filled if each.transaction["card"] == CARD]
    before = labels_of(log, contract, [str(each.key[1]) for each in filled])
    labelled = [each for each in filled if before[str(each.key[1])]]
    said = told("--card", str(CARD))
    assert f"{len(theirs)} payments of this card are gone" in said
    assert "a service that runs lets the past go within seconds" in said
    assert cards(log, contract) == {each.transaction["card"] for each in filled} - {CARD}
    assert log.count(contract) == 50 - len(theirs)
    after = labels_of(log, contract, [str(each.key[1]) for each in filled])
    for each in filled:
        assert bool(after[str(each.key[1])]) == (each in labelled and each not in theirs)
    assert str(CARD) not in said
    assert str(CARD) not in audit()
    assert f"forget      contract sparkov, entity card, payments {len(theirs)}" in audit()


def test_no_byte_of_them_is_left_in_file_and_log(
    filled: list[Payment], address: str, log: PredictionLog, desk: Path
) -> None:
    if not address.startswith("sqlite"):
        pytest.skip("a server's files are its own")
    theirs = [each for each in filled if each.transaction["card"] == CARD]
    told("--card", str(CARD))
    file = Path(address.removeprefix("sqlite:///"))
    left = file.read_bytes() + file.with_name(f"{file.name}-wal").read_bytes()
    assert str(CARD).encode() not in left
    keys = {each.place: "".join(each.key).encode() for each in filled}  # as they stand in rows and indexes
    assert [each.place for each in filled if keys[each.place] not in left] == [each.place for each in theirs]


def test_a_second_call_says_so_and_changes_nothing(filled: list[Payment], desk: Path) -> None:
    told("--card", str(CARD))
    listed, audited = (desk / "data/contracts/sparkov.forgotten").read_bytes(), audit()
    said = told("--card", str(CARD))
    assert "this card is forgotten already, since " in said
    assert "sparkov.forgotten: has it already" in said
    assert ((desk / "data/contracts/sparkov.forgotten").read_bytes(), audit()) == (listed, audited)


def test_the_value_may_come_by_standard_input(filled: list[Payment], log: PredictionLog, contract: Contract) -> None:
    ended = CliRunner().invoke(app, ["record", "forget", "--card", "-"], input=f"{CARD}\n")
    assert ended.exit_code == 0
    assert "of this card are gone" in ended.output
    assert CARD not in cards(log, contract)


@pytest.mark.parametrize(
    ("who", "sentence"),
    [
        ((), "nobody is named: expected an entity"),
        (("--card",), "nobody is named"),
        (("--card", "1", "2"), "nobody is named"),
        (("--kard", "1"), "--kard is no entity of sparkov, did you mean card"),
    ],
)
def test_who_is_no_entity_is_a_sentence(filled: list[Payment], who: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        told(*who)


def test_a_value_of_another_type_is_a_sentence_without_it(filled: list[Payment]) -> None:
    with pytest.raises(DataError, match="is not of the type integer; nothing was changed") as caught:
        told("--card", "4111-secret")
    assert "4111" not in str(caught.value)


def test_what_a_collection_kept_aside_is_gone_where_it_has_them_or_nobody_can_say(
    filled: list[Payment], desk: Path, contract: Contract
) -> None:
    rows = raw(make_transactions(50, cards=5), contract)
    (number,) = (column.source for column in contract.in_files if column.name == "card")
    theirs = rows.filter(pl.col(number) == CARD)
    assert not theirs.is_empty()
    kept = {
        ".local/refused/simulated/collected-1": theirs,
        ".local/refused/simulated/collected-2": rows.filter(pl.col(number) != CARD),
        ".local/refused/simulated/collected-3": rows.drop("amt"),
        ".local/clone/.local/refused/simulated/collected-1": theirs,
    }
    for folder, frame in kept.items():
        Path(folder).mkdir(parents=True)
        frame.write_parquet(f"{folder}/{Path(folder).name}.parquet")
        Path(folder, "report.md").write_text("")
    Path(".local/refused/simulated/corrections.json").write_text("[]\n")
    said = told("--card", str(CARD))
    left = [folder for folder in kept if Path(folder).exists()]
    assert left == [".local/refused/simulated/collected-2"]
    assert all((f"{folder}: gone, for it was refused" in said) == (folder not in left) for folder in kept)
    assert not Path(".local/refused/simulated/corrections.json").exists()


def test_a_person_who_comes_back_is_a_new_one(filled: list[Payment], log: PredictionLog, contract: Contract) -> None:
    told("--card", str(CARD))
    back = payments(60)[55]
    log.append([back._replace(transaction={**back.transaction, "card": CARD})])
    assert CARD in cards(log, contract)
    assert "1 payment of this card is gone" in told("--card", str(CARD))


def pinned(desk: Path, contract: Contract) -> Path:
    """Pin fifty rows as the active data set's batch, as the contract's files are written."""
    folder = desk / "data/raw/simulated"
    folder.mkdir(parents=True)
    file = folder / f"{ADDED}.csv"
    raw(make_transactions(50, cards=5), contract).write_csv(file)
    write_pointer(file)
    return file


def raw(rows: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Return rows as a file of the shipped contract has them."""
    columns = []
    for column in (each for each in contract.in_files if each.name in rows.columns):
        value = pl.col(column.name)
        if column.role == "amount":
            value = value / 100
        if column.role == "event_time":
            value = value.dt.strftime("%Y-%m-%d %H:%M:%S")
        columns.append(value.alias(column.source))
    return rows.select(columns)


def test_ingest_leaves_them_out_and_counts_them_and_pins_that_hold_them_are_named(
    filled: list[Payment], desk: Path, contract: Contract, capsys: pytest.CaptureFixture[str]
) -> None:
    file = pinned(desk, contract)
    away = file.with_name("2021.csv")
    shutil.copy(file, away)
    write_pointer(away)
    away.unlink()
    number = make_transactions(50, cards=5).filter(pl.col("card") == CARD).height
    (desk / "data/features").mkdir()
    make_transactions(50, cards=5).write_parquet(desk / "data/features/train.parquet")
    said = told("--card", str(CARD))
    assert f"still pinned: data/raw/simulated/{ADDED}.csv, {number} rows; ingest leaves them out" in said
    assert f"still in data/features/train.parquet, {number} rows" in said
    assert "not looked at: data/raw/simulated/2021.csv, it is not here" in said
    away.with_name("2021.csv.dvc").unlink()
    ingest()
    assert f"{number} rows of people who are forgotten are left out" in capsys.readouterr().out
    table = pl.read_parquet(desk / "data/transactions.parquet")
    assert CARD not in table["card"]
    assert len(table) == 50 - number


def test_a_record_that_is_filled_from_an_older_table_does_not_get_them_back(
    filled: list[Payment], desk: Path, log: PredictionLog, schema: FeatureSchema, contract: Contract
) -> None:
    make_transactions(50, cards=5).with_columns(label_time=None).write_parquet(desk / "data/transactions.parquet")
    told("--card", str(CARD))
    (desk / "data/contracts/sparkov.forgotten").unlink()  # the record's own tombstone is enough
    assert seed_record(log, desk / "data/transactions.parquet", schema, _forgotten(log, contract)) == 0
    assert CARD not in cards(log, contract)


def test_a_backup_of_before_does_not_bring_them_back(
    filled: list[Payment], desk: Path, log: PredictionLog, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup(desk / "before.db")
    told("--card", str(CARD))
    monkeypatch.setenv("FRAUD_PREDICTION_LOG", f"sqlite:///{desk / 'new.db'}")
    number = sum(each.transaction["card"] == CARD for each in filled)
    said = restore_backup(desk / "before.db", None)
    assert f"{number} payments of people who were forgotten since left out" in said
    assert f": {50 - number} payments, " in said  # not those of the backup
    assert f"payments {50 - number}, left_out {number}" in audit()
    new = PredictionLog(f"sqlite:///{desk / 'new.db'}")
    assert cards(new, contract) == cards(log, contract)
    assert str(CARD).encode() not in (desk / "new.db").read_bytes() + (desk / "new.db-wal").read_bytes()
    new.close()


def test_a_record_without_its_tombstones_obeys_the_list(
    filled: list[Payment], desk: Path, log: PredictionLog, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup(desk / "before.db")
    told("--card", str(CARD))
    listed = (desk / "data/contracts/sparkov.forgotten").rename(desk / "sparkov.forgotten")
    for name, list_given, gone in (("with", listed, True), ("without", None, False)):
        monkeypatch.setenv("FRAUD_PREDICTION_LOG", f"sqlite:///{desk / name}.db")
        restore_backup(desk / "before.db", list_given)
        new = PredictionLog(f"sqlite:///{desk / name}.db")
        assert (CARD not in cards(new, contract)) == gone
        new.close()


def test_a_secret_card_is_forgotten_by_its_pseudonym_and_not_without_the_key(
    desk: Path, log: PredictionLog, address: str, schema: FeatureSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    (desk / "data/contracts/sparkov.yaml").write_text(yaml.safe_dump(secret_document()))
    of = read_key(KEY).pseudonyms("card").of
    hidden = [
        each._replace(transaction={**each.transaction, "card": of(str(each.transaction["card"]))})
        for each in payments()
    ]
    log.append(hidden)
    with pytest.raises(SettingsError, match="FRAUD_PSEUDONYM_KEY is not set"):
        told("--card", str(CARD))
    monkeypatch.setenv("FRAUD_PSEUDONYM_KEY", KEY)
    said = told(f"--card={CARD}")
    number = sum(each.transaction["card"] == of(str(CARD)) for each in hidden)
    assert f"{number} payments of this card are gone" in said
    listed = (desk / "data/contracts/sparkov.forgotten").read_text()
    assert listed.startswith(f"card {of(str(CARD))} ")
    if address.startswith("sqlite"):
        file = Path(address.removeprefix("sqlite:///"))
        left = file.read_bytes() + file.with_name(f"{file.name}-wal").read_bytes()
        assert json.dumps({"card": of(str(CARD))}, separators=(",", ":"))[1:-1].encode() not in left
        with sqlite3.connect(file) as database:
            assert database.execute("select value from tombstone").fetchall() == [(of(str(CARD)),)]
    assert str(CARD) not in said + listed
    assert "is forgotten already" in told("--card", of(str(CARD)))
