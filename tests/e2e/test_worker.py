"""A Prefect server, a process worker and the deployments of prefect.yaml, as docs/runbook.md starts them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from mlflow_fraud.adapters.release_store import open_store
from tests.conftest import ROOT
from tests.e2e.desk import BIN, Desk, fresh_clone
from tests.loopback import free_ports

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A fresh clone in which the first block of the runbook was typed, with another port; its servers go on."""
    (port,) = free_ports(1)
    folder = tmp_path_factory.mktemp("worker") / "clone"
    typed = first_block().replace("4200", str(port))
    desk = fresh_clone(folder, PREFECT_WORKER_QUERY_SECONDS="2", COLUMNS="200")
    made_environment(folder)
    desk.environ["PATH"] = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if part != str(BIN))
    log = folder.parent / "typed.log"
    with log.open("wb") as output:
        shell = subprocess.Popen(
            ["bash", "-e", "-c", typed],
            cwd=folder,
            env=desk.environ | {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "bank.example"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        assert shell.wait(600) == 0, log.read_text()[-3000:]
        desk.environ |= {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PROJECT_ROOT": str(folder)}
        desk.environ |= {"PREFECT_API_URL": f"http://127.0.0.1:{port}/api"}
        yield desk
    finally:
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGTERM)
        wait_until_gone(shell.pid)


def first_block() -> str:
    """Return what the runbook says to type first."""
    return (ROOT / "docs/runbook.md").read_text().split("```")[1].strip("\n")


def made_environment(folder: Path) -> None:
    """Let `make setup` find this environment made: the block does not wait for packages here."""
    (folder / ".venv").mkdir()
    for part in BIN.parent.iterdir():
        (folder / ".venv" / part.name).symlink_to(part)
    (folder / ".venv/.ready").unlink(missing_ok=True)
    (folder / ".venv/.ready").touch()


def wait_until_gone(group: int, seconds: float = 15) -> None:
    """Wait until no process of a group is left, then kill what stays."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and any(is_of(group, process) for process in psutil.process_iter()):
        time.sleep(0.2)
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def is_of(group: int, process: psutil.Process) -> bool:
    """Return whether a process of a group still runs; one that has ended and was not asked for does not."""
    try:
        return os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False


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


def test_the_runbooks_first_block_runs_as_it_stands_and_ends_with_a_live_release(worker: Desk) -> None:
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
        assert time.monotonic() < until, (worker.folder.parent / "typed.log").read_text()[-3000:]
        time.sleep(1)
    assert flow_runs(worker, "retraining")[-1]["state_type"] == "COMPLETED"
