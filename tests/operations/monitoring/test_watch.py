"""The live release is watched from the record: windows by day, week and pool, revisited as their rows mature."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import delete, insert, update

from mlflow_fraud.adapters.files import read_json, write_json
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.adapters.prediction_log.tables import FEATURE_SCHEMA, LABEL, MODEL_RELEASE, PAYMENT
from mlflow_fraud.adapters.release_store import ReleaseStore, open_store
from mlflow_fraud.core.errors import ReleaseRejected, SettingsError
from mlflow_fraud.core.release.release import REFERENCE_FILE
from mlflow_fraud.core.watching.reference import read_reference
from mlflow_fraud.core.watching.retrain import Asked
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.monitoring.asked import read_asked
from mlflow_fraud.operations.monitoring.kept import Entry
from mlflow_fraud.operations.monitoring.retrainings import noted
from mlflow_fraud.operations.monitoring.tracked import OF_EXPERIMENT, log_watched
from mlflow_fraud.operations.monitoring.watch import Seen, note_asked, watch_record
from mlflow_fraud.operations.record.quarantine import quarantine
from mlflow_fraud.operations.reporting.summary import watched_summary
from mlflow_fraud.paths import TRANSACTIONS, WATCH_PAGE, corrections_aside, part_file
from mlflow_fraud.stages.logged import open_tracking
from tests.operations.monitoring.conftest import AFTER, HORIZON_DAYS, after, live, payments_of, write_record

RECORD = "sqlite:///.local/record.db"


def of_kind(seen: Seen, kind: str) -> list[Entry]:
    return [each for each in seen.windows if each["kind"] == kind]


def asked_of(seen: Seen) -> list[Asked]:
    return read_asked(seen.version, timedelta(hours=20))


def midnight(days: int) -> datetime:
    return datetime.combine(AFTER + timedelta(days=days), datetime.min.time())


@pytest.fixture(scope="module")
def seen(watched_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """What is seen of the whole record, once for all who only look."""
    import os
    import shutil

    folder = tmp_path_factory.mktemp("seen") / "watched"
    shutil.copytree(watched_workspace, folder)
    before = Path.cwd()
    os.chdir(folder)
    try:
        return watch_record(open_store("live"))
    finally:
        os.chdir(before)


def test_whole_days_and_weeks_are_windows_and_those_with_frauds_enough_are_pooled(seen: Seen) -> None:
    days, weeks, pools = (of_kind(seen, kind) for kind in ("day", "week", "pool"))
    assert [each["name"] for each in days] == sorted(each["name"] for each in days)
    assert days[0]["name"] == str(AFTER)
    assert all(date.fromisoformat(week["since"][:10]).weekday() == 0 for week in weeks)
    assert pools
    assert all(pool["frauds"] >= 20 for pool in pools)
    assert all(pool["final"] and pool["rows"] == pool["scored"] == pool["payments"] for pool in pools)
    for pool in pools:
        lower, upper = pool["intervals"]["f1"]
        assert lower <= pool["f1"] <= upper
        assert pool["intervals"]["average_precision"] is not None
        assert {"calibration_error", "expected_cost", "alerts_per_day", "card_precision_at_k"} <= set(pool)


@pytest.mark.slow
def test_a_row_counts_by_its_age_and_a_window_is_judged_again_as_its_rows_mature(served: ReleaseStore) -> None:
    """Each row is measured in the end, and once: none is left out because its window ended before its label came."""
    horizon = timedelta(days=HORIZON_DAYS)
    first, last = (watch_record(served, as_of=midnight(days)) for days in (21, 56))
    young = {each["name"]: each for each in of_kind(first, "day")}
    for window in of_kind(first, "day"):
        assert (window["rows"] > 0) == (datetime.fromisoformat(window["since"]) + horizon < midnight(21))
    later = {each["name"]: each for each in of_kind(last, "day")}
    assert set(young) < set(later)
    assert all(later[name]["final"] for name in young)
    assert sum(each["rows"] for each in young.values()) < sum(later[name]["rows"] for name in young)
    rows = pl.read_csv("served.csv") if Path("served.csv").exists() else pl.DataFrame()
    mature = rows.filter(pl.col("trans_date_trans_time").str.to_datetime() + horizon <= midnight(56))
    assert sum(each["frauds"] for each in of_kind(last, "day")) == mature["is_fraud"].sum()
    assert read_json(Path("data/monitoring/windows.json")) == last.windows


def test_before_its_labels_a_week_says_what_is_expected_and_then_how_far_off_that_was(seen: Seen) -> None:
    weeks = of_kind(seen, "week")
    assert all(week["expected"]["f1"] is None or 0 <= week["expected"]["f1"][1] <= 1 for week in weeks)
    told = [week for week in weeks if week["outlook"]]
    known = [week["outlook"] for week in told if "error" in week["outlook"]]
    assert known
    assert len(known) < len(told), "of the newest there are no labels yet"
    for outlook in known:
        assert outlook["error"]["f1"] == pytest.approx(outlook["f1"][0] - outlook["seen"]["f1"])


def test_what_needs_no_label_is_said_of_the_youngest_week_too(seen: Seen) -> None:
    week = of_kind(seen, "week")[-1]
    assert week["rows"] < week["payments"]
    assert week["drift"] < 0.25
    assert len(week["drifts"]) == 55
    assert week["score_drift"] is not None
    assert week["unseen"] == {"category": 0.0}
    assert week["days_without"] == []
    lags = [each["label_lag_days"] for each in of_kind(seen, "week") if each["frauds"]]
    assert lags == pytest.approx([5] * len(lags))
    assert of_kind(seen, "day")[-1]["volume"] is not None
    assert of_kind(seen, "day")[0]["volume"] is None, "too few weekdays before it are known"


@pytest.mark.slow
def test_a_refresh_is_asked_for_when_enough_is_mature_and_not_learned_and_nothing_alarms(served: ReleaseStore) -> None:
    early, late = (watch_record(served, as_of=midnight(days)) for days in (14, 56))
    assert not early.answer.retrain
    assert early.answer.reason.startswith("nothing alarms; ")
    assert (late.answer.kind, late.since) == ("refresh", None)
    assert late.next_refresh is not None
    assert late.next_refresh <= late.now.date()
    note_asked(late)
    assert [each.kind for each in asked_of(late)] == ["refresh"]
    same_day = watch_record(served, as_of=midnight(56))
    note_asked(same_day)
    assert len(asked_of(late)) == 1
    assert f"the retraining asked for on {late.now.date()} is under way" in same_day.answer.reason
    with pytest.raises(RuntimeError), noted(late.answer.reason):
        raise RuntimeError
    once_more = watch_record(served, as_of=midnight(56))
    in_vain = f"asked for 2 times now: the retraining asked for on {late.now.date()} failed"
    assert once_more.answer.reason.endswith(in_vain)


@pytest.mark.slow
def test_the_page_stands_alone_and_says_first_what_a_person_asks(served: ReleaseStore) -> None:
    write_json(corrections_aside("simulated"), [{}, {}])
    seen = watch_record(served)
    page = WATCH_PAGE.read_text()
    assert "http" not in page
    assert "<script" not in page
    assert f"<h1>{seen.version}: still good, and a refresh is due</h1>" in page
    for said in (
        "retrain: yes, a refresh",
        "Next refresh: ",
        "Next possible contest: now",
        "The pointer moved 0.0 days",
        "2 corrections of pinned rows cannot come in",
    ):
        assert said in page
    assert f"### {seen.version}: still good, and a refresh is due" in watched_summary(seen)
    assert not any(str(card) in page for card in pl.read_parquet(TRANSACTIONS)["card"].unique())


@pytest.mark.slow
def test_the_reference_is_the_releases_own_whatever_was_trained_here_since(served: ReleaseStore) -> None:
    before = of_kind(watch_record(served), "week")[-1]["drifts"]
    other = pl.read_parquet(part_file("train")).with_columns(pl.col("amount") * 100)
    other.write_parquet(part_file("train"))
    assert of_kind(watch_record(served), "week")[-1]["drifts"] == before


def test_the_reference_has_the_rows_that_were_learned_and_nobodys_values(served: ReleaseStore) -> None:
    release = live(served)
    reference = read_reference(release.files[REFERENCE_FILE], version=release.manifest.version)
    until = release.manifest.learned_until
    table = pl.read_parquet(TRANSACTIONS).filter(pl.col("event_time") <= until)
    assert reference.rows == len(table)
    assert reference.until == until
    assert all(sum(column.bins.counts) == reference.rows for column in reference.columns.values())
    assert reference.promise is not None
    assert reference.promised["f1"] is not None
    with pytest.raises(ReleaseRejected, match="release x: its reference cannot be read"):
        read_reference(b"{}", version="x")


@pytest.mark.slow
def test_a_new_kind_of_fraud_alarms_and_an_alarm_is_not_given_again_at_once(served: ReleaseStore) -> None:
    Path(".local/record.db").unlink()
    release = live(served)
    write_record(*payments_of(after(56, "new-pattern"), release), release, RECORD)
    alarmed = next(each for each in (watch_record(served, midnight(day)) for day in range(20, 56, 4)) if each.since)
    assert alarmed.answer.kind == "alarm"
    assert "bursts of fraud were missed" in alarmed.answer.reason
    assert alarmed.now <= midnight(HORIZON_DAYS + 30)
    assert alarmed.since is not None
    assert AFTER <= alarmed.since < alarmed.now.date()
    assert "not good any more" in WATCH_PAGE.read_text()
    assert asked_of(alarmed) == []  # nobody was told yet
    note_asked(alarmed)
    again = watch_record(served, alarmed.now + timedelta(days=2))
    note_asked(again)
    assert again.answer.kind != "alarm"
    assert "not good any more" in WATCH_PAGE.read_text()
    assert [each.kind for each in asked_of(again)].count("alarm") == 1
    with pytest.raises(RuntimeError), noted(alarmed.answer.reason):
        raise RuntimeError
    assert watch_record(served, again.now).answer.kind == "alarm", "nothing came of it, so nothing was answered"


@pytest.mark.slow
def test_what_another_release_answered_is_scored_where_its_features_are_the_same(served: ReleaseStore) -> None:
    whole = of_kind(watch_record(served), "pool")
    log = PredictionLog(RECORD)
    with log.engine.begin() as connection:
        note = connection.execute(MODEL_RELEASE.select()).mappings().one()
        connection.execute(insert(MODEL_RELEASE), {**note, "version": "xgboost-before"})
        connection.execute(
            update(PAYMENT).where(PAYMENT.c.place <= 400).values(release="xgboost-before", probability=0)
        )
    scored = of_kind(watch_record(served), "pool")
    assert [each["f1"] for each in scored] == [each["f1"] for each in whole]
    with log.engine.begin() as connection:
        connection.execute(insert(FEATURE_SCHEMA), {"sha256": "0" * 64, "document": json.dumps({"names": ["amount"]})})
        other = update(MODEL_RELEASE).where(MODEL_RELEASE.c.version == "xgboost-before")
        connection.execute(other.values(feature_schema="0" * 64))
    log.close()
    first = of_kind(watch_record(served), "day")[0]
    assert (first["scored"], first["rows"], first["f1"]) == (0, 0, None)
    assert first["payments"] > 0


@pytest.mark.slow
def test_a_feed_that_stops_for_two_days_is_said(served: ReleaseStore) -> None:
    log = PredictionLog(RECORD)
    gone = (PAYMENT.c.event_time >= midnight(40), PAYMENT.c.event_time < midnight(42))
    with log.engine.begin() as connection:
        connection.execute(delete(PAYMENT).where(*gone))
    log.close()
    seen = watch_record(served)
    silent = [day for week in of_kind(seen, "week") for day in week["days_without"]]
    assert silent == [str(midnight(40).date()), str(midnight(41).date())]
    assert f"No payment came on {silent[0]}, {silent[1]}" in WATCH_PAGE.read_text()
    empty = next(each for each in of_kind(seen, "day") if each["name"] == silent[0])
    assert (empty["payments"], empty["volume"], empty["f1"]) == (0, 0, None)


@pytest.mark.slow
def test_a_week_that_is_in_quarantine_is_not_judged_and_no_silence_of_the_feed(served: ReleaseStore) -> None:
    day = next(midnight(days) for days in range(35, 42) if midnight(days).weekday() == 0)
    week_after = day + timedelta(days=7)
    quarantine(str(day.date()), str(week_after.date()), "the feed sent cents")
    seen = watch_record(served)
    (week,) = [each for each in of_kind(seen, "week") if each["since"] == day.isoformat()]
    told = ("payments", "rows", "f1", "recall", "drift", "score_drift", "days_without", "outlook")
    assert [week[name] for name in told[:-1]] == [0, 0, None, None, None, None, []]
    assert week["outlook"]["f1"] is not None, "of the weeks before it, which are enough"
    days = [each for each in of_kind(seen, "day") if day.isoformat() <= each["since"] < week["until"]]
    assert min(each["volume"] for each in days) > 0.3
    assert "No payment came on" not in WATCH_PAGE.read_text()
    everything = (str(AFTER), str(seen.now.date() + timedelta(days=1)))
    quarantine(*everything, "all of it was a test")
    nothing = watch_record(served)
    assert (nothing.windows, nothing.answer.kind) == ([], "")


@pytest.mark.slow
def test_mlflow_has_one_run_of_a_release_and_adds_only_what_is_new(served: ReleaseStore) -> None:
    first = watch_record(served, as_of=midnight(21))
    run = log_watched(first.version, first.windows)
    assert log_watched(first.version, first.windows) == run
    last = watch_record(served, as_of=midnight(56))
    assert log_watched(last.version, last.windows) == run
    tracking = open_tracking(load_environment())
    client = tracking._client
    experiment = client.get_experiment_by_name(load_environment().experiment + OF_EXPERIMENT)
    assert experiment is not None
    (only,) = client.search_runs([experiment.experiment_id])
    assert only.info.run_name == first.version
    history = client.get_metric_history(run, "pool/f1")
    assert [point.step for point in history] == sorted({point.step for point in history})
    weeks = client.get_metric_history(run, "week/payments")
    assert len({point.step for point in weeks}) == len(of_kind(last, "week"))


@pytest.mark.slow
def test_where_the_feed_of_labels_is_silent_nothing_since_is_judged_or_asked_for(served: ReleaseStore) -> None:
    log = PredictionLog(RECORD)
    with log.engine.begin() as connection:
        connection.execute(delete(LABEL).where(LABEL.c.arrived >= midnight(30)))
    log.close()
    seen = watch_record(served)
    assert seen.silence.startswith("no label has come since ")
    assert f"Trouble of the feed: {seen.silence}" in WATCH_PAGE.read_text()
    since = datetime.fromisoformat(seen.silence[24:40])
    judged = [each for each in of_kind(seen, "day") if each["rows"]]
    assert max(each["since"] for each in judged) <= str(since - timedelta(days=HORIZON_DAYS)).replace(" ", "T")
    assert seen.answer.kind != "alarm"
    assert seen.sight.unlearned is not None
    assert seen.sight.unlearned.days < (since - midnight(0)) / timedelta(days=1)


def test_without_a_record_it_is_one_sentence_that_says_what_to_give(served: ReleaseStore) -> None:
    Path(".local/record.db").unlink()
    with pytest.raises(SettingsError, match="Or give the labelled windows as CSV files, oldest first"):
        watch_record(served)
