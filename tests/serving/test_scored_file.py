"""A file is scored as the service would score its rows, to the bit, and the record stays as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pytest
from fastapi.testclient import TestClient

from benchmarks.state import without_hops
from mlflow_fraud.adapters.explanation import FOREST, NoReasons
from mlflow_fraud.adapters.prediction_log.entries import Payment
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.release_store import ReleaseStore, open_store
from mlflow_fraud.core.contract.contract import Contract
from mlflow_fraud.core.errors import DataError, FraudError, RecordUnavailable, SettingsError
from mlflow_fraud.core.features.schema import FeatureSchema
from mlflow_fraud.serving import loading
from mlflow_fraud.serving.app import create_app
from mlflow_fraud.serving.clock import TOLERANCE
from mlflow_fraud.serving.late_rows import LateRows
from mlflow_fraud.serving.scored_file import NUMBER, score_file
from tests.serving.conftest import MakeRelease, fill, full_disk, go_live, kept_in

ANSWERED = ["probability", "decision", "threshold", "model_version", "review"]
BAD = {"amt": "much", "trans_date_trans_time": "2020-02-30 10:00:00", "category": "gambling"}


@dataclass(frozen=True)
class Here:
    """Where the tests run: one folder."""

    folder: Path
    s3_endpoint_url: str = ""
    key: None = None
    clock: Literal["wall", "stream"] = "stream"
    tolerance: timedelta = TOLERANCE
    prediction_log_synchronous: Literal["normal", "full"] = "normal"
    journal: Path = Path("journal")
    poll_seconds: float = 2.0
    api_keys: Path = Path("keys")
    rate_limit: float = 1.0
    rate_burst: int = 1
    labels_per_hour: int = 1

    @property
    def release_store(self) -> str:
        return str(self.folder / "releases")

    @property
    def prediction_log(self) -> str:
        return f"sqlite:///{self.folder / 'record.db'}"

    @property
    def store(self) -> ReleaseStore:
        return open_store(self.release_store)


@pytest.fixture
def here(tmp_path: Path, make_release: MakeRelease, schema: FeatureSchema, recorded: pl.DataFrame) -> Here:
    """A release that is live, and a record that holds `recorded`."""
    place = Here(tmp_path)
    go_live(place.store, make_release())
    fill(place.prediction_log, schema, recorded)
    return place


def as_file(rows: list[dict[str, Any]], file: Path) -> Path:
    """Write rows as they are sent into a file, with a column that the contract does not read."""
    frame = pl.DataFrame(rows).with_columns(pl.lit("Ann").alias("first"))
    if file.suffix == ".parquet":
        times = pl.col("trans_date_trans_time").str.to_datetime("%Y-%m-%d %H:%M:%S"), pl.col("dob").str.to_date()
        frame.with_columns(*times).write_parquet(file)
    else:
        frame.write_csv(file)
    return file


def served(here: Here, rows: list[dict[str, Any]], **query: int) -> list[dict[str, Any]]:
    """Return what the service says to the rows, one by one."""
    with kept_in(here.folder) as record:
        app = create_app(here.store, record=record, poll_seconds=3600)
        app.state.model.poll()
        app.state.explaining._wait = 20.0  # a machine may be busy
        answers = [TestClient(app).post("/v1/score", json=row, params=query) for row in rows]
        app.state.explaining.close()
    return [answer.json() for answer in answers]


def alike(told: pl.DataFrame, answers: list[Mapping[str, Any]]) -> bool:
    return told.select(ANSWERED).to_dicts() == [{name: each[name] for name in ANSWERED} for each in answers]


def quiet(line: str) -> None:
    """Tell nobody."""


@pytest.mark.parametrize("name", ["june.parquet", "june.csv"])
def test_a_file_has_the_scores_of_the_service_to_the_bit(here: Here, rows: list[dict[str, Any]], name: str) -> None:
    sent = [*rows, rows[3]]  # one comes again
    summary = score_file(here, as_file(sent, here.folder / name), quiet, out=here.folder / "scores.parquet")
    told = pl.read_parquet(summary.out)
    assert told["trans_num"].to_list() == [row["trans_num"] for row in sent]
    assert told[NUMBER].to_list() == list(range(1, len(sent) + 1))
    assert alike(told, served(here, sent))
    assert summary.refused == 0
    assert not list(here.folder.glob("*.refused.csv"))


def test_rows_that_the_service_refuses_are_told_by_their_number_and_keep_no_other_back(
    here: Here, rows: list[dict[str, Any]]
) -> None:
    sent = [
        {**row, **({name: BAD[name]} if (name := list(BAD)[n % 3]) and n in (4, 8, 9) else {})}
        for n, row in enumerate(rows)
    ]
    sent.append({**rows[0], "amt": 1.0})  # another payment of a known id
    file = as_file([{**row, "amt": str(row["amt"])} for row in sent], here.folder / "june.csv")
    summary = score_file(here, file, quiet)
    assert summary.out == here.folder / "june.scores.csv"
    assert summary.refused_in == here.folder / "june.scores.refused.csv"
    problems = pl.read_csv(summary.refused_in)
    assert problems[NUMBER].to_list() == [5, 9, 10, 51]
    assert problems["status"].to_list() == [422, 422, 422, 409]
    assert [problem.partition(":")[0] for problem in problems["problem"]][:3] == [
        "trans_date_trans_time",
        "category",
        "amt",
    ]
    assert "gambling" not in summary.refused_in.read_text()
    good = [answer for answer in served(here, sent) if "probability" in answer]
    assert alike(pl.read_csv(summary.out), good)
    assert summary.scored == len(good) == 47


def test_scoring_a_file_leaves_the_record_as_it_is(
    here: Here, rows: list[dict[str, Any]], contract: Contract, recorded: pl.DataFrame
) -> None:
    score_file(here, as_file(rows, here.folder / "june.csv"), quiet)
    log = PredictionLog(here.prediction_log)
    assert log.count(contract) == len(recorded)
    log.close()
    assert not list(here.folder.glob(".*"))


def test_what_a_release_scores_is_known_from_the_file_alone_without_the_record(
    here: Here, rows: list[dict[str, Any]], make_release: MakeRelease, caplog: pytest.LogCaptureFixture
) -> None:
    other = make_release(rounds=3)
    here.store.put(other)
    (here.folder / "record.db").unlink()
    file = as_file(rows, here.folder / "june.csv")
    with pytest.raises(DataError, match="--without-record scores"):
        score_file(here, file, quiet)
    summary = score_file(here, file, quiet, release=other.manifest.version, without_record=True)
    assert "record seed" not in caplog.text  # nobody asked for it
    assert not (here.folder / "record.db").exists()
    told = pl.read_csv(summary.out)
    assert set(told["model_version"]) == {other.manifest.version}
    go_live(here.store, other)
    assert alike(told, served(here, rows))


def test_a_file_that_is_no_table_of_the_contract_leaves_nothing(here: Here, rows: list[dict[str, Any]]) -> None:
    short = as_file([{name: row[name] for name in row if name != "amt"} for row in rows], here.folder / "june.csv")
    with pytest.raises(DataError, match="1 column of the contract sparkov is missing: amt"):
        score_file(here, short, quiet)
    with pytest.raises(DataError, match="is not there or is no table"):
        score_file(here, here.folder / "june.json", quiet)
    with pytest.raises(SettingsError, match="expected the name of another file"):
        score_file(here, short, quiet, out=short)
    assert not list(here.folder.glob("*scores*"))


@pytest.mark.parametrize(
    ("name", "reasons", "message"),
    [("july.csv", 0, "is not there or is no table"), ("june.csv", 11, "--reasons is 11; expected 10 at most")],
)
def test_what_is_asked_wrongly_is_said_before_the_past_is_read(
    here: Here, rows: list[dict[str, Any]], name: str, reasons: int, message: str
) -> None:
    as_file(rows[:2], here.folder / "june.csv")
    said: list[str] = []
    with pytest.raises(FraudError, match=message):
        score_file(here, here.folder / name, said.append, reasons=reasons)
    assert said == []


@pytest.mark.parametrize(
    ("clock", "days_back", "without_record", "said"),
    [
        ("wall", 0, False, "2 rows come late by FRAUD_CLOCK=wall, .* set FRAUD_CLOCK=stream"),
        ("wall", 0, True, "2 rows come late by FRAUD_CLOCK=wall, .* set FRAUD_CLOCK=stream"),
        ("stream", 5, False, "2 rows come late by FRAUD_CLOCK=stream, .* --without-record"),
        ("stream", 5, True, None),
        ("stream", 0, False, None),
    ],
)
def test_where_rows_come_late_by_the_clock_it_is_said_what_does_not_see_them_and_what_to_do(
    here: Here,
    rows: list[dict[str, Any]],
    clock: Literal["wall", "stream"],
    days_back: int,
    without_record: bool,
    said: str | None,
) -> None:
    back = timedelta(days=days_back)
    sent = [
        {**row, "trans_date_trans_time": f"{datetime.fromisoformat(row['trans_date_trans_time']) - back}"}
        for row in rows[:2]
    ]
    lines: list[str] = []
    file = as_file(sent, here.folder / "june.csv")
    score_file(replace(here, clock=clock), file, lines.append, without_record=without_record)
    notes = [line for line in lines if line.startswith("note: ")]
    assert len(notes) == (said is not None)
    assert said is None or re.search(said, notes[0])


def test_late_rows_are_no_matter_where_no_window_moves_by_hops_or_the_record_had_them(schema: FeatureSchema) -> None:
    at = datetime(2020, 1, 1)
    late = Payment(2, "sparkov", {"event_time": at}, at, arrival=at + timedelta(days=30))
    plain = FeatureSchema(params=without_hops(schema.params), contract=schema.contract, categories=schema.categories)
    for features, after, count in ((schema, 1, 1), (schema, 2, 0), (plain, 1, 0)):
        found = LateRows(features, "wall", TOLERANCE, after=after)
        found.look_at(late)
        assert (found.count, bool(str(found))) == (count, count > 0)


@pytest.mark.parametrize(
    ("out", "message"),
    [("there.csv", "expected the name of another file"), ("june.csv/x.csv", "nothing can be written into .*june.csv")],
)
def test_where_no_file_can_be_written_it_is_said_before_the_past_is_read(
    here: Here, rows: list[dict[str, Any]], out: str, message: str
) -> None:
    (here.folder / "there.csv").mkdir()
    said: list[str] = []
    with pytest.raises(SettingsError, match=message):
        score_file(here, as_file(rows[:2], here.folder / "june.csv"), said.append, out=here.folder / out)
    assert said == []


def test_days_without_a_time_of_day_are_no_times(here: Here, rows: list[dict[str, Any]]) -> None:
    file = as_file(rows[:2], here.folder / "june.parquet")
    pl.read_parquet(file).with_columns(pl.col("trans_date_trans_time").cast(pl.Date)).write_parquet(file)
    with pytest.raises(DataError, match="trans_date_trans_time has days without a time of day in the file"):
        score_file(here, file, quiet)


def test_the_file_of_what_is_refused_is_never_the_one_that_is_read(here: Here, rows: list[dict[str, Any]]) -> None:
    file = as_file(rows[:2], here.folder / "june.refused.csv")
    before = file.read_bytes()
    with pytest.raises(SettingsError, match="expected the name of another file"):
        score_file(here, file, quiet, out=here.folder / "june.csv")
    assert file.read_bytes() == before


def test_a_problem_does_not_say_what_was_sent(here: Here, rows: list[dict[str, Any]]) -> None:
    row = {**rows[0], "trans_date_trans_time": "2034-01-01 00:00:00"}
    summary = score_file(here, as_file([row], here.folder / "june.csv"), quiet)
    assert summary.refused_in is not None
    said = summary.refused_in.read_text()
    assert "not there yet" in said
    assert json.dumps(rows[0]["cc_num"]) not in said


@pytest.mark.parametrize("name", ["scores.parquet", "scores.csv"])
def test_a_file_has_the_reasons_of_the_service_to_the_bit(here: Here, rows: list[dict[str, Any]], name: str) -> None:
    file = as_file(rows[:8], here.folder / "june.csv")
    out = score_file(here, file, quiet, out=here.folder / name, reasons=3).out
    told = pl.read_csv(out) if out.suffix == ".csv" else pl.read_parquet(out)
    answers = served(here, rows[:8], reasons=3)
    assert alike(told, answers)
    for row, answer in zip(told.iter_rows(named=True), answers, strict=True):
        why = answer["reasons"]
        assert (row["reasons_base"], row["reasons_others"]) == (why["base"], why["others"])
        found = [(row[f"reason_{at}"], row[f"contribution_{at}"]) for at in (1, 2, 3)]
        given = [(each["code"], each["contribution"]) for each in why["strongest"]]
        assert found == given + [(None, None)] * (3 - len(given))
    assert told["reason_1"].null_count() < len(told)


def test_a_release_without_reasons_writes_none_and_says_why_at_once(
    here: Here, rows: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, said = as_file(rows[:2], here.folder / "june.csv"), list[str]()
    with monkeypatch.context() as forest:
        forest.setattr(loading, "load_explanation", lambda *_: NoReasons(FOREST))
        with pytest.raises(SettingsError, match=r"gives no reasons: a forest adds up .* Leave --reasons out"):
            score_file(here, file, said.append, reasons=3)
    assert said == []  # the past, which may be long, was not read for it
    assert not list(here.folder.glob("*scores*"))


def test_where_there_is_no_room_for_what_is_scored_the_way_to_another_disk_is_told(
    here: Here, rows: list[dict[str, Any]]
) -> None:
    file = as_file(rows[:2], here.folder / "june.csv")
    with full_disk(), pytest.raises(RecordUnavailable, match=r"nothing was written: make room, or write to .* --out"):
        score_file(here, file, quiet, without_record=True)
    assert not list(here.folder.glob("*scor*"))


def test_a_release_that_is_not_there_is_named_with_the_nearest(here: Here, rows: list[dict[str, Any]]) -> None:
    live = here.store.latest()
    assert live is not None
    with pytest.raises(SettingsError, match=rf"is called {live.version}x in .*, did you mean {live.version}\?"):
        score_file(here, as_file(rows[:2], here.folder / "june.csv"), quiet, release=f"{live.version}x")
    empty = replace(here, folder=here.folder / "empty")
    with pytest.raises(SettingsError, match=r"is called x in .*empty.*, where none was ever live"):
        score_file(empty, here.folder / "june.csv", quiet, release="x")


def test_the_answer_of_another_release_is_not_explained_by_this_one(
    here: Here, rows: list[dict[str, Any]], make_release: MakeRelease
) -> None:
    served(here, rows[:1])  # the record has it from now on
    go_live(here.store, make_release(rounds=3))
    said: list[str] = []
    summary = score_file(here, as_file(rows[:2], here.folder / "june.parquet"), said.append, reasons=2)
    told = pl.read_parquet(summary.out)
    assert told["model_version"].n_unique() == 2
    assert told["reasons_base"].is_null().to_list() == [True, False]
    assert str(summary).startswith(f"1 row scored by {summary.version}, 1 as another release had answered them before,")
    (note,) = [line for line in said if line.startswith("note: ")]
    assert "1 row with the answer of another release" in note
