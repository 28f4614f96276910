"""What the service saw and was told becomes pinned batches and corrections: once, and through the same door."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from mlflow_fraud.adapters import dvc_repo
from mlflow_fraud.adapters.prediction_log.entries import Correction, Label, Payment
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.raw_written import write_raw
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.gate.findings import Finding, Report
from mlflow_fraud.operations.collection import door as at_the_door
from mlflow_fraud.operations.collection.collect import Collected, collect
from mlflow_fraud.operations.data import gating
from mlflow_fraud.operations.record.forget import forget
from mlflow_fraud.operations.record.quarantine import quarantine
from mlflow_fraud.operations.record.seed import seed
from mlflow_fraud.settings import load_contract
from mlflow_fraud.stages.ingest import ingest
from tests.conftest import ROOT, make_transactions, write_pointer
from tests.postgres_server import Postgres
from tests.record_databases import KINDS, NUMBERS

RAW = Path("data/raw/simulated")
TABLE = Path("data/transactions.parquet")
RECEIVED = datetime(2026, 1, 1, 12)
BEGIN = datetime(2020, 3, 2)
"""A Monday; rows of before are pinned, later ones the service saw."""
NOW, A_WEEK_LATER = datetime(2020, 3, 25), datetime(2020, 4, 1)
HORIZON = 7
ALL = make_transactions(9000, days=120).with_columns(
    amount=pl.Series(np.random.default_rng(1).integers(100, 30_000, 9000))  # which gives no fraud away
)
HISTORY = ALL.filter(pl.col("event_time") < BEGIN)
SEEN = ALL.filter(pl.col("event_time").is_between(BEGIN, A_WEEK_LATER, closed="left"))
FRAUDS = SEEN.filter(pl.col("label") == 1)
CARD = 4_000_000_000_000_003


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty record; a test may ask for PostgreSQL in place of SQLite."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{tmp_path}/record.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.database(f"collected_{next(NUMBERS)}")


IN_EITHER = pytest.mark.parametrize("place", KINDS, indirect=True)


@pytest.fixture
def desk(tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a pinned history and an empty record; pinning writes DVC's pointer."""
    folder = tmp_path / "desk"
    (folder / "data/contracts").mkdir(parents=True)
    shutil.copy(ROOT / "data/contracts/sparkov.yaml", folder / "data/contracts")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["datasets"]["simulated"]["split"] |= {"label_delay_days": HORIZON}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FRAUD_PREDICTION_LOG", place)
    monkeypatch.setattr(dvc_repo, "pin", write_pointer)
    monkeypatch.setattr(dvc_repo, "has_remote", lambda: False)
    RAW.mkdir(parents=True)
    write_raw(RAW / "2020.parquet", HISTORY, load_contract(Path("data/contracts/sparkov.yaml")))
    write_pointer(RAW / "2020.parquet")
    return folder


@pytest.fixture
def log(desk: Path, place: str) -> Iterator[PredictionLog]:
    """A record in which the service saw all of March, and was told of its frauds five days later."""
    opened = PredictionLog(place)
    yield opened
    opened.close()


Fill = Callable[[pl.DataFrame], None]


@pytest.fixture
def fill(log: PredictionLog) -> Fill:
    def fill(rows: pl.DataFrame) -> None:
        place = log.last_place() + 1
        told = rows.drop("label", "batch").to_dicts()
        log.append([Payment(place + number, "sparkov", row, RECEIVED) for number, row in enumerate(told)])
        frauds = rows.filter(pl.col("label") == 1)
        tell(
            log,
            [(event_id, 1, at + timedelta(days=5)) for event_id, at in frauds["event_id", "event_time"].iter_rows()],
        )

    return fill


def tell(log: PredictionLog, labels: Sequence[tuple[str, int, datetime]]) -> None:
    told = [Label(("sparkov", event_id), label, at) for event_id, label, at in labels]
    if told:
        log.add_labels(told, received=RECEIVED, source="service")


def _row_of(event_id: str) -> dict[str, Any]:
    return SEEN.filter(pl.col("event_id") == event_id).drop("label", "batch").row(0, named=True)


def table() -> pl.DataFrame:
    ingest()
    return pl.read_parquet(TABLE)


def names(found: Collected) -> list[str]:
    return [file.name for file in found.pinned]


def tree() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path("data/raw").rglob("*") if path.is_file()}


@pytest.mark.slow
@IN_EITHER
def test_mature_weeks_become_batches_with_their_labels_and_the_same_run_twice_adds_nothing(
    fill: Fill, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(SEEN)
    found = collect(NOW)
    assert names(found) == [
        f"collected-2020-03-{first:02}_2020-03-{last:02}.parquet" for first, last in ((2, 8), (9, 15))
    ]
    assert not found.refused
    mature = SEEN.filter(pl.col("event_time") < datetime(2020, 3, 16))
    learned = table().filter(pl.col("event_time") >= BEGIN)
    same = [name for name in mature.columns if name != "batch"]
    assert learned.select(same).equals(mature.select(same))
    frauds = learned.filter(pl.col("label") == 1)
    assert frauds["label_time"].to_list() == [at + timedelta(days=5) for at in frauds["event_time"]]
    before = tree()
    assert collect(NOW) == Collected()
    assert tree() == before
    assert "no new batch: all that was mature on 2020-03-18 and is due is pinned" in capsys.readouterr().out


def test_what_was_seeded_is_never_collected(desk: Path, fill: Fill) -> None:
    ingest()
    seed()
    fill(SEEN.filter(pl.col("event_time") < datetime(2020, 3, 9)))
    (batch,) = collect(NOW).pinned
    assert set(pl.read_parquet(batch)["trans_num"]) == set(
        SEEN.filter(pl.col("event_time") < datetime(2020, 3, 9))["event_id"]
    )


@pytest.mark.slow
def test_three_days_in_cents_are_kept_aside_and_stop_nothing_else_until_their_days_are_left_out(
    fill: Fill, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = pl.col("event_time").dt.date().is_between(date(2020, 3, 10), date(2020, 3, 12))
    fill(SEEN.with_columns(amount=pl.when(wrong).then(pl.col("amount") * 100).otherwise("amount")))
    found = collect(A_WEEK_LATER)
    assert names(found) == [f"collected-2020-03-{days}.parquet" for days in ("02_2020-03-08", "16_2020-03-22")]
    (refused,) = found.refused
    assert refused.command.startswith("mlflow-fraud record quarantine --from 2020-03-10 --to 2020-03-13 --reason ")
    assert refused.command in capsys.readouterr().out
    assert sorted(file.name for file in refused.folder.iterdir()) == [
        "collected-2020-03-09_2020-03-15.parquet",
        "report.json",
        "report.md",
    ]
    report = (refused.folder / "report.md").read_text()
    assert "amount is distributed as before on each day: 3 days do not comply" in report
    assert refused.command in report
    assert not refused.again
    assert collect(A_WEEK_LATER).refused == (refused._replace(again=True),)

    quarantine("2020-03-10", "2020-03-13", "the feed sent cents")
    again = collect(A_WEEK_LATER)
    assert names(again) == ["collected-2020-03-09_2020-03-15.parquet"]
    assert not refused.folder.exists()
    days = set(table().filter(pl.col("event_time") >= datetime(2020, 3, 9))["event_time"].dt.date())
    assert days == {date(2020, 3, day) for day in (9, 13, 14, 15, *range(16, 23))}


def test_a_batch_that_the_gate_refuses_is_kept_aside_by_its_whole_span(fill: Fill) -> None:
    (one,) = SEEN.filter(pl.col("event_time").dt.date() == date(2020, 3, 4)).head(1)["event_id"]
    fill(SEEN.with_columns(category=pl.when(pl.col("event_id") == one).then(pl.lit("casino")).otherwise("category")))
    found = collect(NOW)
    (refused,) = found.refused
    assert "--from 2020-03-02 --to 2020-03-09" in refused.command
    assert "category is a known value: 1 row does not comply" in refused.sentence
    assert len(found.pinned) == 1


@pytest.mark.slow
def test_days_whose_silence_may_be_that_of_the_feed_wait_until_any_label_comes(
    fill: Fill, log: PredictionLog, capsys: pytest.CaptureFixture[str]
) -> None:
    alive = pl.col("event_time") < datetime(2020, 3, 12)
    fill(SEEN.with_columns(label=pl.when(alive).then("label").otherwise(pl.lit(0, pl.Int8))))
    last = max(FRAUDS.filter(alive)["event_time"]) + timedelta(days=5)
    found = collect(A_WEEK_LATER)
    assert names(found) == ["collected-2020-03-02_2020-03-08.parquet"]
    assert found.waits.startswith(f"no label has come since {last:%Y-%m-%d %H:%M}, for ")
    assert "days from 2020-03-09 on wait. Where it is the feed, they come once it is back" in capsys.readouterr().out

    tell(log, [(SEEN["event_id"][-1], 0, A_WEEK_LATER)])
    again = collect(A_WEEK_LATER)
    assert (len(again.pinned), again.waits) == (2, "")


def test_where_no_label_ever_came_silence_is_genuine_and_a_line_says_so(
    fill: Fill, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(SEEN.filter(pl.col("event_time") < datetime(2020, 3, 9)).with_columns(label=pl.lit(0, pl.Int8)))
    assert len(collect(NOW).pinned) == 1
    assert "too few labels came yet to tell a silent feed from a good time" in capsys.readouterr().out


@pytest.mark.slow
def test_a_payment_that_comes_late_is_a_batch_of_its_own(fill: Fill) -> None:
    late = pl.col("event_id").is_in(SEEN["event_id"].head(60).sample(20, seed=1).implode())
    fill(SEEN.filter(~late))
    collect(NOW)
    fill(SEEN.filter(late))
    (batch,) = collect(NOW).pinned
    assert batch.name.startswith("collected-2020-03-02_2020-03-0")
    assert len(pl.read_parquet(batch)) == 20
    assert len(table().filter(pl.col("event_time") >= BEGIN)) == len(
        SEEN.filter(pl.col("event_time") < datetime(2020, 3, 16))
    )


@pytest.mark.slow
@IN_EITHER
def test_what_becomes_known_of_pinned_rows_is_a_correction_each_by_its_arrival(
    desk: Path, fill: Fill, log: PredictionLog, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(SEEN)
    collect(NOW)
    (taken_back,) = FRAUDS.head(1)["event_id"]
    (late, changed, reversed_one) = SEEN.filter(pl.col("label") == 0).head(3)["event_id"]
    tell(
        log, [(taken_back, 0, datetime(2020, 3, 20)), (late, 1, datetime(2020, 3, 22)), (late, 1, datetime(2020, 5, 1))]
    )
    for event_id, instead in ((changed, _row_of(changed) | {"amount": 999}), (reversed_one, None)):
        log.add_correction(
            Correction(("sparkov", event_id), instead, datetime(2020, 3, 21)), received=RECEIVED, source="service"
        )
    found = collect(NOW)
    assert not found.pinned
    (file,) = found.corrections
    told = {(each["event_id"], each["what"]): each["value"] for each in pl.read_parquet(file).to_dicts()}
    assert told == {
        (taken_back, "label"): "0",
        (late, "label"): "1",
        (changed, "amount"): "999",
        (reversed_one, "reversed"): None,
    }
    after = {each["event_id"]: each for each in table().to_dicts()}
    assert (after[taken_back]["label"], after[late]["label"], after[changed]["amount"]) == (0, 1, 999)
    assert after[late]["label_time"] == datetime(2020, 3, 22)
    assert reversed_one not in after
    assert collect(NOW) == Collected()
    back = Correction(("sparkov", reversed_one), _row_of(reversed_one) | {"amount": 888}, datetime(2020, 3, 21))
    log.add_correction(back, received=RECEIVED, source="service")  # of the same moment, and told later
    (file,) = collect(NOW).corrections
    assert set(pl.read_parquet(file)["what"]) == {"reversed", "amount"}
    assert {each["event_id"]: each["amount"] for each in table().to_dicts()}[reversed_one] == 888
    assert collect(NOW) == Collected()
    list(forget(["--card", str(CARD)]))
    Path("data/contracts/sparkov.forgotten").unlink()  # as in another clone, before the list is committed
    (erased,) = collect(NOW).corrections
    assert set(pl.read_parquet(erased)["what"]) == {"erased"}
    assert CARD not in set(table()["card"])
    assert collect(NOW) == Collected()


@pytest.mark.slow
def test_a_bad_correction_stands_aside_alone_until_it_is_mended(
    desk: Path, fill: Fill, log: PredictionLog, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(SEEN.filter(pl.col("event_time") < datetime(2020, 3, 9)))
    collect(NOW)
    rows = SEEN.filter(pl.col("label") == 0).drop("label", "batch").head(5).to_dicts()
    bad, early, *good = (row["event_id"] for row in rows)

    def correct(row: dict[str, Any], amount: int, at: datetime) -> None:
        told = Correction(("sparkov", row["event_id"]), row | {"amount": amount}, at)
        log.add_correction(told, received=RECEIVED, source="service")

    correct(rows[0], -5, datetime(2020, 3, 21))
    tell(log, [(early, 1, BEGIN - timedelta(days=9))])
    for row in rows[2:]:
        correct(row, 777, datetime(2020, 3, 21))
    found = collect(NOW)
    (file,) = found.corrections
    assert set(pl.read_parquet(file)["event_id"]) == set(good)
    assert {(each.event_id, each.what) for each in found.aside} == {(bad, "amount"), (early, "label")}
    said = Path(".local/refused/simulated/corrections.json").read_text()
    assert "1 correction arrives before the payment was made" in said
    assert "amt: 1 value is not what the contract allows" in said
    assert "-5" not in said
    assert "2 corrections of pinned rows cannot come in" in capsys.readouterr().out
    assert len(collect(NOW).aside) == 2

    correct(rows[0], 555, datetime(2020, 3, 22))
    tell(log, [(early, 1, datetime(2020, 3, 20))])
    again = collect(NOW)
    assert not again.aside
    assert set(pl.read_parquet(again.corrections[0])["event_id"]) == {bad, early}
    assert not Path(".local/refused/simulated").exists()


def test_a_correction_that_breaks_a_rule_of_the_gate_is_found_among_others(
    fill: Fill, log: PredictionLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the rule is that no amount is 666, which no bound of a column says."""
    fill(SEEN.filter(pl.col("event_time") < datetime(2020, 3, 9)))
    collect(NOW)
    rows = SEEN.filter(pl.col("label") == 0).drop("label", "batch").head(6).to_dicts()
    for number, row in enumerate(rows):
        told = Correction(("sparkov", row["event_id"]), row | {"amount": 666 if number == 3 else 777}, NOW)
        log.add_correction(told, received=RECEIVED, source="service")

    def check(table: Path, contract: Contract) -> Report:
        is_good = pl.read_parquet(table).filter(amount=666).is_empty()
        return Report(contract.name, 1, (Finding("no 666", is_good, "critical", "amount", 1, ""),))

    monkeypatch.setattr(gating.gx_contract, "check", check)
    found = collect(NOW)
    assert [(each.event_id, each.wrong) for each in found.aside] == [(rows[3]["event_id"], "broken: no 666")]
    assert len(pl.read_parquet(found.corrections[0])) == 5


def test_nothing_is_collected_where_there_is_no_record_or_no_id(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert collect() == Collected()
    assert "nothing is collected: " in capsys.readouterr().out
    PredictionLog(f"sqlite:///{desk.parent}/record.db").close()
    assert collect() == Collected()
    assert "has no payment of sparkov" in capsys.readouterr().out


@pytest.mark.slow
def test_a_collection_that_is_stopped_anywhere_and_runs_again_gives_each_batch_once(
    fill: Fill, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(SEEN)
    stopped = iter(range(2))

    def stop(target: Path) -> None:
        if next(stopped, None) is None:
            write_pointer(target)
        else:
            raise KeyboardInterrupt

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(at_the_door.dvc_repo, "pin", stop)
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                collect(NOW)
    assert len(list(RAW.glob("collected-*.parquet"))) == 1
    assert len(collect(NOW).pinned) == 2
    assert "a collection before this one was stopped" in capsys.readouterr().out
    assert sorted(file.name for file in RAW.glob("collected-*.parquet")) == sorted(
        file.name.removesuffix(".dvc") for file in RAW.glob("collected-*.dvc")
    )
    assert table()["event_id"].is_unique().all()
    assert not list(Path("data/raw").glob(".incoming-*"))


def test_what_is_pinned_is_pushed_where_there_is_a_remote(fill: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    pushed: list[Path] = []
    monkeypatch.setattr(dvc_repo, "has_remote", lambda: True)
    monkeypatch.setattr(dvc_repo, "push", lambda _, pointers: pushed.extend(pointers))
    fill(SEEN)
    found = collect(NOW)
    assert pushed == [file.with_name(f"{file.name}.dvc") for file in found.pinned]
