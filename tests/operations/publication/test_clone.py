"""A worker's clone: made once, with the checkout's cache, and brought up to date before each run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.worker import require_publishing, worker_environment
from mlflow_fraud.adapters.dvc_repo import push
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.operations.publication.clone import main, make_clone
from tests.conftest import ROOT
from tests.operations.publication.conftest import git
from tests.operations.publication.test_publish import Clones


def step(clone: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the pull step as Prefect does, elsewhere."""
    command = [sys.executable, "-m", "mlflow_fraud.operations.publication.clone", *words]
    told = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT / "src"), "FRAUD_CLONE": str(clone), **environ}
    return subprocess.run(command, cwd="/", env=told, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_it_has_the_files_without_a_second_copy_and_takes_what_was_pushed(clones: Clones) -> None:
    checkout = clones("first")
    checkout.brings("june")  # in the cache of the checkout alone, and in no commit
    clone = make_clone()
    assert clone == checkout.folder / ".local/clone"
    assert (clone / "data/raw/cards/may.csv").read_text() == "may\n"
    assert not (clone / "data/raw/cards/june.csv").exists()
    assert not (clone / ".dvc/cache").exists()
    git("add", "data/raw")
    git("-c", "user.name=A", "-c", "user.email=a@bank.example", "commit", "--quiet", "--message", "June")
    git("push", "--quiet", "origin", "main")

    as_it_was = step(clone, "--as-it-is")
    assert (as_it_was.returncode, as_it_was.stdout) == (0, f"{clone}\n")
    assert not (clone / "data/raw/cards/june.csv").exists()
    after = step(clone)

    assert (after.returncode, after.stdout) == (0, f"{clone}\n"), after.stderr
    assert "going on from" in after.stderr
    assert (clone / "data/raw/cards/june.csv").read_text() == "june\n"
    assert make_clone() == clone


@pytest.mark.slow
def test_a_remote_that_is_away_leaves_the_clone_as_it_is_and_is_said(clones: Clones) -> None:
    checkout = clones("first")
    clone = make_clone()
    (checkout.folder.parent / "remote.git").rename(checkout.folder.parent / "away.git")
    ended = step(clone)
    assert (ended.returncode, ended.stdout) == (0, f"{clone}\n")
    assert "warning: the git remote origin is not reached" in ended.stderr


@pytest.mark.parametrize("named", ["", "clone", "/nowhere/clone"])
def test_a_worker_that_was_not_started_by_us_is_told_how(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUD_CLONE", named)
    with pytest.raises(SystemExit, match=r"FRAUD_CLONE is .*, and no clone is there; `make worker` makes one"):
        main()


def test_a_worker_runs_the_clones_code_and_keeps_the_stores_of_the_checkout() -> None:
    environ = {"PATH": "/usr/bin", "FRAUD_RELEASE_STORE": "s3://bank/live", "PYTHONPATH": "elsewhere"}
    told = worker_environment(environ, Path("/srv/fraud"), Path("/srv/fraud/.local/clone"))
    assert told["PYTHONPATH"] == "/srv/fraud/.local/clone/src:/srv/fraud/.local/clone"
    assert told["FRAUD_RELEASE_STORE"] == "s3://bank/live"
    assert told["FRAUD_TRACKING_URI"] == "sqlite:////srv/fraud/.local/mlflow.db"
    assert told["FRAUD_PREDICTION_LOG"] == "sqlite:////srv/fraud/.local/record.db"
    assert told["PATH"].split(":")[0] == str(Path(sys.executable).parent)


@pytest.mark.parametrize("publish", ["", "desk"])
def test_a_worker_whose_runs_would_tell_nobody_does_not_start(publish: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUD_PUBLISH", publish)
    with pytest.raises(SettingsError, match=r"expected branch or pull-request.*FRAUD_BRANCH.*mlflow-fraud data remote"):
        require_publishing()


@pytest.mark.parametrize("publish", ["branch", "pull-request"])
def test_a_worker_whose_runs_are_shared_starts(publish: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUD_PUBLISH", publish)
    require_publishing()


@pytest.mark.slow
def test_a_worker_can_push_elsewhere_than_the_checkout(clones: Clones) -> None:
    checkout = clones("first")
    world = checkout.folder.parent
    git("clone", "--quiet", "--bare", str(world / "remote.git"), str(world / "other.git"))
    before = Path(".dvc/config.local").read_text()

    clone = make_clone(Path(".local/other"), of=str(world / "other.git"), data=str(world / "bucket"))

    assert clone == checkout.folder / ".local/other"
    assert git("-C", str(clone), "remote", "get-url", "origin") == str(world / "other.git")
    assert Path(".dvc/config.local").read_text() == before
    assert git("remote", "get-url", "origin") == str(world / "remote.git")
    os.chdir(clone)
    push(print)
    assert any((world / "bucket").rglob("*"))
