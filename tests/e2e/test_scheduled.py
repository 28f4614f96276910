"""The weekly look at what is live: the workflow file, run by `act` on this machine with a record of its own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import FirstRun, copied
from tests.e2e.hosted import REPOSITORY, Hosted
from tests.github_server import GitHubServer, github_server

__all__ = ["github_server"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class Watched(Hosted):
    """A repository on a host whose release is live and has a record."""

    def looks(self) -> subprocess.CompletedProcess[str]:
        """Run the job `monitor` of `scheduled.yml`."""
        self.desk.path(".actrc").write_text("--job monitor\n")
        return self._runs("schedule", "scheduled", {})


@pytest.fixture
def watched(first_run: FirstRun, tmp_path: Path, github_server: GitHubServer) -> Watched:
    desk = copied(first_run.desk.folder, tmp_path)
    address, bare = f"https://github.com/{REPOSITORY}", tmp_path / "origin.git"
    config = tmp_path / "gitconfig"
    config.write_text(f'[url "{bare}"]\n\tinsteadOf = {address}\n[safe]\n\tdirectory = *\n')
    shutil.copytree(desk.path(".dvc/cache"), tmp_path / "cache-of-dvc")
    (tmp_path / "dvc").mkdir()
    (tmp_path / "dvc/config").write_text(f"[cache]\n    dir = {tmp_path / 'cache-of-dvc'}\n")
    desk.environ |= {"GIT_CONFIG_GLOBAL": str(config), "DVC_GLOBAL_CONFIG_DIR": str(tmp_path / "dvc")}
    desk.does("git", "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    desk.does("git", "checkout", "--quiet", "-B", "main")
    desk.does("git", "remote", "set-url", "origin", address)
    desk.does("dvc", "remote", "add", "--local", "--default", "store", str(tmp_path / "remote"))
    watched = Watched(tmp_path, desk, github_server)
    desk.does("git", "add", "--all", "data", "dvc.lock", "params.yaml")
    desk.does("git", "commit", "--quiet", "--message", "What is live")
    watched.pushes("main")
    shutil.copytree(desk.path(".local/releases"), watched.store)
    return watched


def test_a_look_at_the_record_leaves_a_page_of_it_and_changes_nothing(watched: Watched) -> None:
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
