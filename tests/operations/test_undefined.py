"""What is not defined is a dash, a null and a no with its reason, from the split to the page: never a traceback."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml

from mlflow_fraud.adapters.files import read_json, write_json
from mlflow_fraud.adapters.release_store import open_store
from mlflow_fraud.core.errors import DataError, SettingsError
from mlflow_fraud.core.features.schema import read_schema
from mlflow_fraud.core.learning.candidates import CANDIDATES
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.evaluation.leakage import leakage
from mlflow_fraud.operations.evaluation.tune import tune
from mlflow_fraud.operations.monitoring.monitor import answer, log_window, watch
from mlflow_fraud.operations.release.compare import compare
from mlflow_fraud.operations.release.comparison import read_comparison
from mlflow_fraud.operations.release.promote import promote
from mlflow_fraud.operations.reporting.summary import (
    candidates_summary,
    retraining_summary,
    team_summary,
    windows_summary,
)
from mlflow_fraud.paths import FEATURES, REPORT, SCHEMA, SHIPPED, VALIDATION_REPORT, WINDOWS, model_folder, part_file
from mlflow_fraud.settings import load_params
from mlflow_fraud.simulation import simulate
from mlflow_fraud.stages.ingest import ingest
from mlflow_fraud.stages.lineage import read_lineage, write_lineage
from mlflow_fraud.stages.logged import open_tracking, track
from mlflow_fraud.stages.preprocess import preprocess
from mlflow_fraud.stages.ship import ship
from mlflow_fraud.stages.train import train
from tests.conftest import ROOT, write_pointer
from tests.workspace import PLAN, small_params

CONTRACT = """
name: small
columns:
  no: {role: event_id, type: integer}
  at: {role: event_time, type: timestamp, format: "%Y-%m-%d %H:%M"}
  payer: {role: entity, entity: payer, type: text}
  paid: {role: amount, type: decimal, minimum: 0}
  bad: {role: label, type: integer, minimum: 0, maximum: 1}
"""
DAYS = 50  # ten to validate, ten to test


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace for a first small file."""
    monkeypatch.chdir(tmp_path)
    Path("data/contracts").mkdir(parents=True)
    Path("data/raw/small").mkdir(parents=True)
    Path("data/contracts/small.yaml").write_text(CONTRACT)
    split = {"protocol": "holdout", "validation_days": 10, "test_days": 10}
    features = {"row": ["amount", "hour"], "windows": [{"by": ["payer"], "spans": ["24h"], "take": ["mean"]}]}
    described = {
        "contract": "data/contracts/small.yaml",
        "split": split,
        "refit": "validation",
        "features": features,
    }
    Path("params.yaml").write_text(
        yaml.safe_dump(small_params() | {"dataset": "small", "datasets": {"small": described}})
    )
    return tmp_path


def bring(fraud_days: Sequence[int], whole_days: Sequence[int] = ()) -> None:
    """Write three payments a day: the first of each of `fraud_days` is fraud, and all of `whole_days`."""
    rows = [
        {
            "no": 3 * day + place,
            "at": f"{datetime(2021, 3, 1) + timedelta(days=day, hours=6 * place):%Y-%m-%d %H:%M}",
            "payer": f"P{(day + place) % 4}",
            "paid": 10.0 + day + place / 4,
            "bad": int((day in fraud_days and place == 0) or day in whole_days),
        }
        for day in range(DAYS)
        for place in range(3)
    ]
    pl.DataFrame(rows).write_csv("data/raw/small/spring.csv")
    write_pointer(Path("data/raw/small/spring.csv"))
    ingest()
    write_json(VALIDATION_REPORT, {"passed": True})


@pytest.mark.parametrize(
    ("fraud_days", "whole_days", "said"),
    [
        pytest.param([3, 9, 33], [], "^test holds no fraud among 30 rows, so .*; make test_days longer", id="test"),
        pytest.param(
            [3, 9, 44], [], "^validation holds no fraud among 30 rows.* make validation_days", id="validation"
        ),
        pytest.param([33, 44], [], "^train holds no fraud among 90 rows, so nothing can be learned", id="train"),
        pytest.param([3], [], r"^validation holds no fraud .*\. test holds no fraud", id="both"),
        pytest.param([], [], "^train holds no fraud .* validation holds no fraud .* test holds no fraud", id="nowhere"),
        pytest.param([3, 33], range(40, 50), "^test holds nothing but fraud, 30 rows", id="only fraud"),
    ],
)
@pytest.mark.usefixtures("small")
def test_a_split_that_cannot_be_judged_is_one_sentence_before_any_work(
    fraud_days: list[int], whole_days: Sequence[int], said: str
) -> None:
    bring(fraud_days, whole_days)
    with pytest.raises(DataError, match=said):
        preprocess()
    assert not FEATURES.exists()


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_one_fraud_in_each_part_trains_every_candidate_and_promotes_none() -> None:
    bring([3, 9, 33, 44])
    preprocess()
    for candidate in CANDIDATES:
        train(candidate)
    ship()
    verdict = compare(open_store("live"), first=True).verdict
    assert any("only 1 frauds in the test rows" in reason for reason in verdict.against)
    assert "| logistic |" in candidates_summary()


@pytest.mark.usefixtures("small")
def test_commands_that_look_from_outside_say_it_in_one_sentence_too() -> None:
    bring([3, 9, 33])
    with pytest.raises(DataError, match="the test rows hold no fraud among 30 rows, so nothing can be told"):
        leakage("logistic")
    bring([3, 9, 44])
    with pytest.raises(DataError, match="the validation rows hold no fraud"):
        tune("logistic", 1)


def leave(candidate: str, **changed: object) -> None:
    """Let the candidate's training have left other metrics."""
    file = model_folder(candidate) / "metrics.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))
    of = read_lineage(candidate).candidate
    write_lineage(candidate, of, load_params(), read_schema(read_json(SCHEMA), where="test"), best=None)


def without_fraud(file: Path) -> None:
    pl.read_parquet(file).with_columns(pl.lit(0, pl.Int8).alias("label")).write_parquet(file)


def test_training_on_a_test_without_fraud_ends_before_the_fit_and_leaves_what_was_there(workspace: Path) -> None:
    before = {path: path.read_bytes() for path in (workspace / "data/models").rglob("*") if path.is_file()}
    without_fraud(part_file("test"))
    with pytest.raises(DataError, match=r"^test holds no fraud among"):
        train("logistic")
    assert {path: path.read_bytes() for path in (workspace / "data/models").rglob("*") if path.is_file()} == before


@pytest.mark.usefixtures("workspace")
def test_a_comparison_without_fraud_is_a_no_with_reasons_and_its_pages_have_dashes() -> None:
    store = open_store("live")
    compare(store, first=True)
    promote(store)
    without_fraud(part_file("test"))
    # another challenger than the live release, so that both are measured
    for name in (*CANDIDATES, SHIPPED):
        leave(name, threshold=0.0123)

    verdict = compare(store).verdict

    assert not verdict.promote
    assert any(reason.startswith("against the live release: recall is missing") for reason in verdict.against)
    assert read_comparison().verdict == verdict
    assert "| - |" in retraining_summary()
    assert "<td>-</td>" in REPORT.read_text()
    assert "nan" not in REPORT.read_text().split("<img")[0].lower()
    assert not promote(store).moved


@pytest.mark.slow
@pytest.mark.usefixtures("workspace")
def test_a_month_without_fraud_is_watched_and_asks_for_nothing() -> None:
    store = open_store("live")
    compare(store, first=True)
    promote(store)
    for number in range(3):
        later = replace(PLAN, start=PLAN.start + timedelta(days=PLAN.days + 30 * number), days=30, transactions=1500)
        quiet = simulate(later).with_columns(pl.lit(0).alias("is_fraud"))
        Path(f"month-{number}.csv").write_bytes(quiet.write_csv().encode())
        earlier = [Path(f"month-{before}.csv") for before in range(number)]
        window = watch(Path(f"month-{number}.csv"), earlier, store)
        log_window(window)
    assert window.metrics["recall"] is window.metrics["f1"] is None
    assert [entry["recall"] for entry in read_json(WINDOWS)] == [None] * 3
    assert windows_summary().count(" | - | ") >= 3

    # only the drift is kept out of it: what is asked for here is asked for by F1 or recall
    params = small_params()
    Path("params.yaml").write_text(yaml.safe_dump(params | {"monitor": params["monitor"] | {"limits": LIMITS}}))
    decision = answer(window.name, window.version)
    assert not decision.retrain
    assert "not defined: f1 in 3, recall in 3" in decision.reason


@pytest.mark.usefixtures("workspace")
def test_a_window_whose_labels_have_not_arrived_has_nothing_but_counts_and_how_far_its_payments_moved() -> None:
    store = open_store("live")
    compare(store, first=True)
    promote(store)
    params = small_params()
    params["datasets"]["simulated"]["split"]["label_delay_days"] = 40  # type: ignore[index]
    Path("params.yaml").write_text(yaml.safe_dump(params))
    later = replace(PLAN, start=PLAN.start + timedelta(days=PLAN.days), days=20, transactions=800)
    Path("young.csv").write_bytes(simulate(later).write_csv().encode())
    window = watch(Path("young.csv"), [], store)
    known = {name: value for name, value in window.metrics.items() if value}
    assert set(known) == {"alert_budget", "drift"}
    assert (window.metrics["drift"] or 1) < load_params().monitor.limits.drift
    assert not answer(window.name, window.version).retrain


def test_a_timeout_that_is_no_number_is_refused(workspace: Path) -> None:
    with pytest.raises(SettingsError, match="--timeout is a number of seconds, found nan"):
        tune("logistic", 1, float("nan"))


LIMITS = {"f1": 0.6, "recall": 0.5, "drift": 1e6}


@pytest.mark.usefixtures("workspace")
def test_candidates_with_metrics_that_are_not_defined_are_shown_and_logged() -> None:
    for candidate in CANDIDATES:
        found = read_json(model_folder(candidate) / "metrics.json")
        leave(candidate, test=dict.fromkeys(found["test"]), intervals=dict.fromkeys(found["intervals"]))
    dashes = " | ".join("-" * 6)
    assert f"| logistic | {dashes} |" in candidates_summary()
    assert f"| logistic | {dashes} |" in team_summary()
    assert "A dash: not defined on these rows" in team_summary()
    logged = track("logistic")
    metrics = open_tracking(load_environment())._client.get_run(logged.run_id).data.metrics
    assert "test_f1" not in metrics
    assert "validation_f1" in metrics


def test_the_shipped_budget_follows_the_data_and_the_tables_say_so(workspace: Path) -> None:
    assert yaml.safe_load((ROOT / "params.yaml").read_text())["costs"]["alerts_per_day"] == "auto"
    found = json.loads((workspace / "data/models/xgboost/metrics.json").read_text())
    assert found["budget"]["derived"]
    assert found["test"]["alert_budget"] == found["budget"]["alerts_per_day"]
    said = f"Recall in the budget is at {found['budget']['alerts_per_day']} alerts a day, so that 99% of validation's"
    assert said in team_summary()
    comparison = compare(open_store("live"))
    assert comparison.challenger.metrics["alert_budget"] == found["budget"]["alerts_per_day"]
    assert said in REPORT.read_text().replace("&#x27;", "'")
