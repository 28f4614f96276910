"""A Prefect server, a process worker and the deployments of prefect.yaml, as docs/runbook.md starts them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator

import pytest

from mlflow_fraud.adapters.release_store import open_store
from tests.e2e.desk import Desk, fresh_clone
from tests.loopback import free_ports, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A fresh clone whose flows run on a worker."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}/api"
    folder = tmp_path_factory.mktemp("worker") / "clone"
    desk = fresh_clone(
        folder, PREFECT_API_URL=url, PROJECT_ROOT=str(folder), PREFECT_WORKER_QUERY_SECONDS="2", COLUMNS="200"
    )
    desk.does("mlflow-fraud", "data", "simulate")
    started = [start(desk, "server", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port))]
    try:
        wait_for(f"{url}/health")
        desk.does("prefect", "work-pool", "create", "fraud", "--type", "process")
        desk.does("prefect", "--no-prompt", "deploy", "--all")
        started.append(start(desk, "worker", "prefect", "worker", "start", "--pool", "fraud", "--type", "process"))
        yield desk
    finally:
        for process in reversed(started):
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(60)


def start(desk: Desk, name: str, *command: str) -> subprocess.Popen[bytes]:
    """Start a command in a process group of its own; what it prints goes to a file beside the clone."""
    with (desk.folder.parent / f"{name}.log").open("wb") as output:
        return subprocess.Popen(
            command,
            cwd=desk.folder,
            env=desk.environ,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def flow_runs(desk: Desk, deployment: str) -> list[dict[str, object]]:
    """Return the runs of a deployment, oldest first."""
    told = {"deployments": {"name": {"any_": [deployment]}}, "sort": "START_TIME_ASC"}
    request = urllib.request.Request(
        f"{desk.environ['PREFECT_API_URL']}/flow_runs/filter",
        json.dumps(told).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return list(json.loads(answer.read()))


def test_a_deployment_run_on_a_worker_trains_and_promotes(worker: Desk) -> None:
    printed = worker.does("prefect", "deployment", "run", "retraining/retraining", "--param", "first=true", "--watch")

    assert "Completed" in printed
    assert open_store(str(worker.path(".local/releases"))).latest() is not None
    assert len(worker.lock()) > 20


def test_a_misspelt_parameter_fails_the_run_with_the_nearest_right_name(worker: Desk) -> None:
    params = worker.path("params.yaml")
    text = params.read_text()
    params.write_text(text.replace("eta:", "etta:"))
    try:
        ended = worker.tries("prefect", "deployment", "run", "training/training", "--watch")
    finally:
        params.write_text(text)

    assert ended.returncode != 0
    (run,) = flow_runs(worker, "training")
    assert run["state_type"] == "FAILED"
    assert "train.xgboost.etta is not known, did you mean eta?" in str(run["state"])


def test_monitoring_that_sees_new_fraud_starts_retraining_with_the_reason(worker: Desk) -> None:
    before = len(flow_runs(worker, "retraining"))
    worker.does("mlflow-fraud", "data", "stream", "--scenario", "new-pattern")
    months = sorted(str(path) for path in worker.path(".local/stream/new-pattern").glob("*.csv"))
    windows = f"windows={json.dumps(months)}"

    printed = worker.does("prefect", "deployment", "run", "monitoring/monitoring", "--param", windows, "--watch")

    assert "Completed" in printed
    until = time.monotonic() + 120
    while len(runs := flow_runs(worker, "retraining")) == before and time.monotonic() < until:
        time.sleep(1)
    (run,) = runs[before:]
    reason = run["parameters"]["reason"]  # type: ignore[index]
    assert "in 3 of the last 3 windows" in reason or "in 2 of the last 3 windows" in reason
    while flow_runs(worker, "retraining")[-1]["state_type"] not in {"COMPLETED", "FAILED", "CRASHED"}:
        assert time.monotonic() < until, (worker.folder.parent / "worker.log").read_text()[-3000:]
        time.sleep(1)
    assert flow_runs(worker, "retraining")[-1]["state_type"] == "COMPLETED"
