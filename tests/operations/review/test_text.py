"""What the one comment of a pull request says, and in which order."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import polars as pl
import pytest

from mlflow_fraud.adapters import github_api
from mlflow_fraud.adapters.files import read_json, write_json
from mlflow_fraud.adapters.mlflow_tracking import Logged
from mlflow_fraud.operations.release.compare import compare
from mlflow_fraud.operations.release.promote import promote
from mlflow_fraud.operations.release.store import open_configured_store
from mlflow_fraud.operations.review import text
from mlflow_fraud.operations.review.text import review_text
from mlflow_fraud.paths import VERDICT
from mlflow_fraud.simulation import simulate
from mlflow_fraud.stages.ingest import ingest
from tests.conftest import write_pointer
from tests.workspace import PLAN, pin


def commit(message: str) -> None:
    who = ("-c", "user.name=A Tester", "-c", "user.email=tester@bank.example")
    subprocess.run(["git", "add", "--force", "data/raw", "dvc.lock", "data/models/shipped/metrics.json"], check=True)
    subprocess.run(["git", *who, "commit", "--quiet", "--message", message], check=True)


def test_without_a_live_release_and_a_base_it_says_so_in_plain_words(workspace: Path) -> None:
    compare(open_configured_store())
    told = review_text("HEAD")
    assert told.startswith("### ")
    assert "There is no live release to compare with" in told
    assert "The base branch has no trained model" in told
    assert "Every rule holds." in told


@pytest.mark.slow
def test_a_new_month_is_told_verdict_first_with_interval_rows_drift_and_what_cannot_be_compared(
    workspace: Path,
) -> None:
    store, metrics = open_configured_store(), Path("data/models/shipped/metrics.json")
    compare(store, first=True)
    live = promote(store).version
    version, now = compare(store).challenger.version, metrics.read_text()
    assert "Against the live release" not in review_text("HEAD")  # it is that one
    decision = read_json(VERDICT)
    write_json(VERDICT, {**decision, "champion": {**decision["champion"], "version": "xgboost-0123456789ab"}})
    metrics.write_text(now.replace('"rows"', '"payments"'))
    commit("base")
    metrics.write_text(now)
    later = workspace / "data/raw/simulated/later.csv"
    simulate(PLAN.following(30)).write_csv(later)
    write_pointer(later)
    ingest()
    pin()

    told = review_text("HEAD")

    verdict, base, data = told.index(f"### {version}: "), told.index("### Against the base"), told.index("### The data")
    assert 0 == verdict < base < data
    assert live == version
    assert "champion `xgboost-0123456789ab`" in told
    gain = decision["gain"]
    assert "\n\nAgainst the live release, F1 on the same rows: " in told  # else it would be part of the list before it
    assert f"on the same rows: {gain['estimate']:+.4f}, interval {gain['lower']:+.4f} to {gain['upper']:+.4f}" in told
    assert "**The test periods differ**" in told
    assert "| metric | base | here |\n" in told
    assert "| new: later | 2020-08-28 | 2020-09-26 | " in told
    assert "| column | PSI of the new rows against all else |" in told
    cards = pl.read_csv(later, infer_schema=False)["cc_num"].unique()
    assert not [card for card in cards if card in told]


def test_on_the_same_test_rows_the_difference_from_the_base_is_formed(workspace: Path) -> None:
    compare(open_configured_store())
    commit("base")
    metrics = Path("data/models/shipped/metrics.json")
    document = json.loads(metrics.read_text())
    subprocess.run(["git", "rm", "--quiet", "--cached", str(metrics)], check=True)
    now = metrics.read_text()
    metrics.write_text(json.dumps({**document, "test": {**document["test"], "f1": 0.125}}))
    commit("another base")
    metrics.write_text(now)
    told = review_text("HEAD")
    assert f"| f1 | 0.1250 ({document['intervals']['f1'][0]:.3f} to " in told
    assert f"| {document['test']['f1'] - 0.125:+.4f} |" in told
    assert "The data is that of the base branch." in told


def test_a_run_that_stopped_says_why_with_what_the_gate_masked(workspace: Path) -> None:
    log = Path("retrain.log")
    log.write_text("Running stage 'validate':\nerror: amount: 1 row does not comply, for example -5.00\n")
    told = review_text("HEAD", log=log)
    assert told.startswith("## Retraining stopped before a verdict")
    assert "    error: amount: 1 row does not comply, for example -5.00\n" in told
    assert "Running stage" not in told


@pytest.mark.parametrize("pushed", [True, False])
def test_what_was_judged_and_is_not_on_the_branch_is_told_first_with_why(
    pushed: bool, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compare(open_configured_store(), first=True)
    commit("base")
    monkeypatch.setattr(text, "is_pushed", lambda branch: pushed)
    log = Path("retrain.log")
    log.write_text("error: the remote says AccessDenied\n")
    told = review_text("HEAD", log=log, branch="june")
    assert told.startswith("## What was made is not on the branch\n") is not pushed
    assert ("    error: the remote says AccessDenied\n" in told) is not pushed
    assert review_text("HEAD", log=log).startswith("### ")  # where nothing is to be pushed, as at a desk


def test_where_github_does_not_say_how_long_the_run_took_all_else_is_told(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"SERVER_URL": "https://github.example", "REPOSITORY": "bank/fraud", "RUN_ID": "42"}.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("FRAUD_GITHUB_TOKEN", "a-token")
    monkeypatch.setattr(github_api, "PAUSES", ())
    told = review_text("HEAD")
    assert told.startswith("## Retraining stopped before a verdict")
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
    assert f"commit {head[:12]} · [the run](https://github.example/bank/fraud/actions/runs/42)" in told
    assert "minutes" not in told


def test_where_to_look_further_is_linked(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SERVER_URL": "https://github.example", "REPOSITORY": "bank/fraud", "RUN_ID": "42"}.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    monkeypatch.setenv("FRAUD_TRACKING_URI", "http://fraud:secret@127.0.0.1:9")  # where nobody answers
    told = review_text("HEAD")
    assert "[the run](https://github.example/bank/fraud/actions/runs/42)" in told
    assert "[the report, artifact `decision`](https://github.example/bank/fraud/actions/runs/42#artifacts)" in told
    assert "[MLflow](http://fraud:***@127.0.0.1:9)" in told

    compare(open_configured_store())
    assert "[MLflow](http://fraud:***@127.0.0.1:9)" in review_text("HEAD")
    page = "http://127.0.0.1:9/#/experiments/1/runs/0a"
    monkeypatch.setattr(text, "track", lambda model: Logged(model, "1", page if model == "shipped" else "", new=False))
    assert f"[its run in MLflow]({page})" in review_text("HEAD")
