"""The weekly look at what is live: the workflow file, run by `act` on this machine with a record of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.e2e.conftest import FirstRun
from tests.e2e.hosted import Hosted, put_on_a_host
from tests.github_server import GitHubServer, github_server

__all__ = ["github_server"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def watched(first_run: FirstRun, tmp_path: Path, github_server: GitHubServer) -> Hosted:
    """A repository on a host, whose release is live."""
    clone, dvc = first_run.desk.folder, tmp_path / "dvc"
    shutil.copytree(clone / ".dvc/cache", dvc / "cache")
    (dvc / "config").write_text(f"[cache]\n    dir = {dvc / 'cache'}\n")
    watched = put_on_a_host(clone, tmp_path, github_server, dvc)
    watched.desk.does("git", "add", "--all", "data", "dvc.lock", "params.yaml")
    watched.desk.does("git", "commit", "--quiet", "--message", "What is live")
    watched.pushes("main")
    shutil.copytree(clone / ".local/releases", watched.store)
    return watched


def test_a_look_at_the_record_leaves_a_page_of_it_and_changes_nothing(watched: Hosted) -> None:
    record = f"sqlite:///{watched.folder}/record.db"
    watched.desk.does("mlflow-fraud", "record", "seed", FRAUD_PREDICTION_LOG=record)
    live, main = watched.live, watched.at("main")

    watched.desk.path(".secrets").write_text(f"FRAUD_PREDICTION_LOG={record}\n")
    looked = watched.looks()

    assert looked.returncode == 0, looked.stdout + looked.stderr
    assert "retrain: no" in looked.stdout
    assert (watched.artifacts / "monitoring/data/monitoring/report.html").is_file()
    assert (watched.live, watched.at("main")) == (live, main)
    assert watched.github.pulls == []
