"""A Prefect server, a process worker and the deployments of prefect.yaml, as docs/runbook.md starts them."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator

import pytest

from mlflow_fraud.adapters.release_store import open_store
from tests.conftest import ROOT
from tests.e2e.desk import Desk, fresh_clone
from tests.e2e.reader import Reader, made_environment, reader
from tests.loopback import free_ports
from tests.pages import Block, every_shell_block, shell_blocks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """A reader who typed the runbook in a fresh clone, with another port; the servers go on."""
    (port,) = free_ports(1)
    folder = tmp_path_factory.mktemp("worker")
    desk = fresh_clone(folder / "clone", PREFECT_WORKER_QUERY_SECONDS="2", COLUMNS="200")
    made_environment(desk.folder)
    proxies = {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "bank.example"}
    with reader(desk, folder / "typed.log", {"4200": str(port)}, **proxies) as typist:
        for block in shell_blocks(ROOT / "docs/runbook.md"):
            typist.types(block)
        desk.environ |= {"PROJECT_ROOT": str(desk.folder), "PREFECT_API_URL": f"http://127.0.0.1:{port}/api"}
        yield typist


@pytest.fixture(scope="module")
def worker(read: Reader) -> Desk:
    """The clone in which the worker works."""
    return read.desk


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


def test_the_runbook_runs_as_it_stands_and_ends_with_a_live_release(worker: Desk) -> None:
    assert [run["state_type"] for run in flow_runs(worker, "retraining")] == ["COMPLETED"]
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


def test_monitoring_that_sees_new_fraud_starts_retraining_with_the_reason(worker: Desk, read: Reader) -> None:
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
    assert "bursts of fraud were missed, fewer were promised" in reason
    while flow_runs(worker, "retraining")[-1]["state_type"] not in {"COMPLETED", "FAILED", "CRASHED"}:
        assert time.monotonic() < until, read.log.read_text()[-3000:]
        time.sleep(1)
    assert flow_runs(worker, "retraining")[-1]["state_type"] == "COMPLETED"


@pytest.mark.parametrize("block", [block for block in every_shell_block() if block.needs == ["worker"]], ids=str)
def test_what_a_page_says_to_type_at_a_worker_works(block: Block, read: Reader) -> None:
    before = len(flow_runs(read.desk, "retraining"))

    read.types(block)

    assert [run["state_type"] for run in flow_runs(read.desk, "retraining")[before:]] == ["COMPLETED"]
