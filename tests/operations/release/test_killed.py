"""A run that is killed between its verdict and the end, and begun again: all is there, once."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mlflow_fraud.adapters.mlflow_tracking import KEY
from mlflow_fraud.adapters.release_store import open_store
from mlflow_fraud.environment import load_environment
from mlflow_fraud.stages.logged import open_tracking
from tests.conftest import ROOT
from tests.operations.publication.conftest import git
from tests.operations.release.promoting_process import PLACES, REASON


@pytest.fixture
def shared(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a git remote that has the code, and nothing of what the run brought; a store beside both."""
    shutil.copy(ROOT / ".gitignore", workspace)
    git("init", "--quiet", "--bare", "--initial-branch=main", str(workspace.parent / "remote.git"))
    git("checkout", "--quiet", "-B", "main")
    git("add", ".gitignore", "params.yaml", "data/contracts", "data/raw")
    git("-c", "user.name=A", "-c", "user.email=a@bank.example", "commit", "--quiet", "--message", "May")
    git("remote", "add", "origin", str(workspace.parent / "remote.git"))
    git("push", "--quiet", "origin", "main")
    monkeypatch.setenv("FRAUD_PUBLISH", "branch")
    monkeypatch.setenv("FRAUD_RELEASE_STORE", str(workspace.parent / "live"))
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{ROOT / 'src'}")
    return workspace


@pytest.mark.slow
def test_a_run_that_is_killed_anywhere_between_verdict_and_alias_and_begun_again_leaves_all_of_it_once(
    shared: Path,
) -> None:
    words = [sys.executable, "-m", "tests.operations.release.promoting_process", *PLACES, "nowhere"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)

    codes = [int(code) for code in done.stdout.splitlines()[-1].split()]
    assert codes == [-signal.SIGKILL] * len(PLACES) + [0], done.stderr
    store = open_store(str(shared.parent / "live"))
    pointer, (record,) = store.latest(), store.ledger()
    assert pointer is not None
    assert (record.number, record.action, record.to_version) == (pointer.record, "promote", pointer.version)
    assert record.reasons[0] == f"asked for: {REASON}"
    assert [path.name for path in (shared.parent / "live/releases").iterdir()] == [pointer.version]
    release = store.fetch(pointer.version)

    assert git("log", "--format=%s", "origin/main").splitlines() == [f"Retraining: {REASON}", "May", "First"]
    assert release.manifest.git_sha == git("rev-parse", "origin/main")
    assert git("show", "origin/main:dvc.lock").encode() == release.files["dvc.lock"].strip()
    assert json.loads(git("show", f"origin/main:data/decision/{pointer.version}.json"))["promote"]
    assert git("status", "--porcelain") == ""

    tracking = open_tracking(load_environment())
    assert tracking.alias("champion") == release.manifest.mlflow_model_version
    import mlflow

    mlflow.set_tracking_uri(tracking.uri)
    runs = mlflow.search_runs(experiment_names=["fraud"], output_format="list")
    keys = [run.data.tags[KEY] for run in runs if KEY in run.data.tags]
    assert len(keys) == len(set(keys)) == 4
    assert len(mlflow.MlflowClient().search_model_versions("name = 'fraud'")) == 4
