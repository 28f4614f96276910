"""The weekly look at what is live: the workflow file, run by `act` on this machine with a record of its own."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from mlflow_fraud.core.contract.contract import Contract
from tests.e2e.conftest import FirstRun, copied
from tests.e2e.test_collection import served
from tests.e2e.test_workflows import REPOSITORY, Hosted
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
    shutil.copytree(desk.path(".local/releases"), watched.store)
    return watched


def test_a_refresh_that_is_due_is_one_request_and_nothing_goes_live(watched: Watched, contract: Contract) -> None:
    desk, live = watched.desk, watched.live
    desk.does("mlflow-fraud", "data", "stream", "--scenario", "new-pattern", "--months", "1")
    (month,) = desk.path(".local/stream/new-pattern").glob("*.csv")
    with month.open() as stream:
        rows = list(csv.DictReader(stream))
    params = yaml.safe_load(desk.path("params.yaml").read_text())
    params["datasets"]["simulated"]["split"] |= {"label_delay_days": 1}
    params["monitor"]["refresh"] |= {"every_days": 1, "least_frauds": 1}
    desk.path("params.yaml").write_text(yaml.safe_dump(params))
    record = f"sqlite:///{watched.folder}/record.db"
    desk.environ["FRAUD_PREDICTION_LOG"] = record
    served(desk, rows, contract)
    desk.path(".secrets").write_text(f"FRAUD_PREDICTION_LOG={record}\n")
    desk.does("git", "add", "--all", "data", "dvc.lock", "params.yaml")
    desk.does("git", "commit", "--quiet", "--message", "What is live")
    main = watched.pushes("main")

    looked = watched.looks()

    print(looked.stdout[-30000:], looked.stderr[-3000:])
    assert looked.returncode == 0, looked.stdout + looked.stderr
    assert re.search("retrain: yes", looked.stdout)
    assert (watched.artifacts / "monitoring/data/monitoring/report.html").is_file()
    assert watched.live == live
    assert watched.at("main") == main
    (pull,) = watched.github.pulls
    print(pull)
