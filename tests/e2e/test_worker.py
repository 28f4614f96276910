"""A Prefect server, a worker in a clone of its own and the deployments, as docs/worker.md starts them.

What its runs make is pushed to a remote of the test's before it goes live.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import psutil
import pytest
import yaml

from mlflow_fraud.adapters.release_store import ReleaseStore, open_store
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.publication.clone import places_from_anywhere
from stack.place import free_ports
from tests.conftest import ROOT
from tests.e2e.desk import Desk, fresh_clone, given_remotes
from tests.e2e.reader import Reader, made_environment, reader
from tests.loopback import answering
from tests.pages import Block, every_shell_block, shell_blocks
from tests.runbook import typed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


class Called(NamedTuple):
    """Where a person is called, and the messages that came, oldest first."""

    url: str
    messages: list[dict[str, str]]

    def to(self, flow: str) -> list[str]:
        """Return what was said of a flow's runs, once it is clear that nothing more comes."""
        time.sleep(2)
        return [each["text"] for each in self.messages if f": {flow} " in each["text"]]


@pytest.fixture(scope="module")
def called() -> Iterator[Called]:
    """A webhook's receiver on a free port of the loopback."""
    messages: list[dict[str, str]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with answering(ThreadingHTTPServer(("127.0.0.1", 0), Receiver)) as url:
        yield Called(f"{url}/hook", messages)


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory, called: Called) -> Iterator[Reader]:
    """A reader who typed the page in a fresh clone, with another port; the servers go on."""
    (port,) = free_ports(1)
    folder = tmp_path_factory.mktemp("worker")
    desk = fresh_clone(folder / "clone", PREFECT_WORKER_QUERY_SECONDS="2", COLUMNS="200", FRAUD_WEBHOOK=called.url)
    made_environment(desk.folder)
    desk.does("mlflow-fraud", "data", "simulate")
    desk.does("git", "checkout", "--quiet", "-B", "main")
    desk.does("git", "add", "data/raw")
    desk.does("git", "commit", "--quiet", "--message", "Data: the made-up payments")
    given_remotes(desk, folder)
    proxies = {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "bank.example"}
    with reader(desk, folder / "typed.log", {"4200": str(port)}, **proxies) as typist:
        for block in shell_blocks(ROOT / "docs/worker.md"):
            typist.types(block)
        desk.environ |= {"PREFECT_API_URL": f"http://127.0.0.1:{port}/api", "FRAUD_PUBLISH": "branch"}
        yield typist


@pytest.fixture(scope="module")
def worker(read: Reader) -> Desk:
    """The checkout beside whose clone the worker works."""
    return read.desk


def asked(desk: Desk, path: str, told: object, method: str = "POST") -> object:
    """Return what the Prefect server answers; one whose SQLite is busy is asked again, as its client would."""
    body = json.dumps(told).encode() if told is not None else None
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{desk.environ['PREFECT_API_URL']}{path}", body, headers, method=method)
    until = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
            return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            if error.code != 503 or time.monotonic() > until:
                raise
            time.sleep(1)


def flow_runs(desk: Desk, *deployments: str) -> list[dict[str, object]]:
    """Return the runs of deployments, oldest first."""
    told = {"deployments": {"name": {"any_": list(deployments)}}, "sort": "START_TIME_ASC"}
    found = asked(desk, "/flow_runs/filter", told)
    assert isinstance(found, list)
    return found


def wait_for_run(desk: Desk, deployment: str, number: int, seconds: float = 180) -> dict[str, object]:
    """Return the run of this number once it has ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        runs = flow_runs(desk, deployment)
        if len(runs) > number and runs[number]["state_type"] in ENDED:
            return runs[number]
        time.sleep(0.5)
    pytest.fail(f"run {number} of {deployment} has not ended after {seconds} s: {flow_runs(desk, deployment)}")


def wait_for_schedule(desk: Desk, deployment: str, seconds: float = 90) -> dict[str, object]:
    """Return the first of the runs that the server has made of a schedule by itself."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        planned = [run for run in flow_runs(desk, deployment) if run["auto_scheduled"]]
        if planned:
            return min(planned, key=lambda run: str(run["expected_start_time"]))
        time.sleep(0.5)
    pytest.fail(f"the server has made no run of the schedule of {deployment} within {seconds} s")


def live(desk: Desk) -> ReleaseStore:
    return open_store(str(desk.path(".local/releases")))


def main_of(desk: Desk) -> list[str]:
    """Return the first lines of the commits that everybody has, newest first."""
    desk.does("git", "fetch", "--quiet", "origin")
    return desk.does("git", "log", "--format=%s", "origin/main").splitlines()


def test_the_page_runs_as_it_stands_and_what_is_live_is_in_a_commit_that_all_have(worker: Desk) -> None:
    assert [run["state_type"] for run in flow_runs(worker, "retraining")] == ["COMPLETED"]
    store = live(worker)
    pointer = store.latest()
    assert pointer is not None
    release = store.fetch(pointer.version)
    assert main_of(worker)[0] == "Retraining: asked for by hand"
    commit = worker.does("git", "rev-parse", "origin/main").strip()
    assert release.manifest.git_sha == commit
    assert worker.does("git", "show", f"{commit}:dvc.lock").encode() == release.files["dvc.lock"]
    decision = json.loads(worker.does("git", "show", f"{commit}:data/decision/{pointer.version}.json"))
    assert (decision["promote"], decision["asked"]) == (True, "asked for by hand")
    assert store.ledger()[-1].reasons[0] == "asked for: asked for by hand"
    with sqlite3.connect(worker.path(".local/mlflow.db")) as database:
        tagged = database.execute("select value from tags where key = 'fraud.asked'").fetchall()
    assert tagged == [("asked for by hand",)]
    assert worker.does("git", "status", "--porcelain") == ""


def test_the_form_of_each_deployment_says_what_its_parameters_are(worker: Desk) -> None:
    assert worker.types(typed('curl "$PREFECT_API_URL/health"'), NO_PROXY="127.0.0.1").startswith("true")
    found = asked(worker, "/deployments/filter", {})
    assert isinstance(found, list)
    said = {each["name"]: each["parameter_openapi_schema"]["properties"] for each in found}
    assert said["retraining"]["reason"]["description"].startswith("Why, in a sentence")
    assert [
        f"{name}: {key}" for name, of in said.items() for key, told in of.items() if not told.get("description")
    ] == []
    deployed = yaml.safe_load(worker.path("prefect.yaml").read_text())["deployments"]
    assert set(said) == {each["name"] for each in deployed}


def test_a_misspelt_parameter_fails_the_run_with_the_nearest_right_name_and_calls_once(
    worker: Desk, called: Called
) -> None:
    params = worker.path(".local/clone/params.yaml")
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
    assert called.to("training") == ["mlflow-fraud: training failed; the next run goes on from there"]
    assert "etta" not in str(called.messages)


def test_monitoring_that_sees_new_fraud_starts_retraining_with_the_reason(worker: Desk, read: Reader) -> None:
    before = len(flow_runs(worker, "retraining"))
    commits = main_of(worker)
    worker.does("mlflow-fraud", "data", "stream", "--scenario", "new-pattern")
    months = sorted(str(path) for path in worker.path(".local/stream/new-pattern").glob("*.csv"))
    windows = f"windows={json.dumps(months)}"

    printed = worker.does("prefect", "deployment", "run", "monitoring/monitoring", "--param", windows, "--watch")

    assert "Completed" in printed
    run = wait_for_run(worker, "retraining", before)
    assert run["state_type"] == "COMPLETED", read.log.read_text()[-3000:]
    reason = run["parameters"]["reason"]  # type: ignore[index]
    assert "bursts of fraud were missed, fewer were promised" in reason
    assert main_of(worker) == commits  # it brought nothing, so there is nothing to commit


def silent_run(desk: Desk, *states: str, beats: bool = False) -> str:
    """Return a run that came so far, as one whose machine is gone, and may have said once that it lives."""
    (deployment,) = [each for each in asked(desk, "/deployments/filter", {}) if each["name"] == "training"]  # type: ignore[attr-defined]
    made = asked(desk, f"/deployments/{deployment['id']}/create_flow_run", {"state": {"type": "SCHEDULED"}})
    assert isinstance(made, dict)
    for state in states:
        asked(desk, f"/flow_runs/{made['id']}/set_state", {"state": {"type": state}, "force": True})
    beat = {
        "occurred": datetime.now(UTC).isoformat(),
        "event": "prefect.flow-run.heartbeat",
        "resource": {"prefect.resource.id": f"prefect.flow-run.{made['id']}"},
        "related": [{"prefect.resource.id": "prefect.tag.fraud", "prefect.resource.role": "tag"}],
        "id": str(made["id"]),
    }
    if beats:
        asked(desk, "/events", [beat])
    return str(made["id"])


def watches(desk: Desk) -> list[dict[str, Any]]:
    """Return the automations over silent runs; there is one of each, however often was deployed."""
    found = asked(desk, "/automations/filter", {})
    assert isinstance(found, list)
    return [dict(each) for each in found if each["trigger"]["posture"] == "Proactive"]


def put_back(desk: Desk, watch: dict[str, Any]) -> None:
    """Let an automation on the server be as it is here."""
    told = {key: watch[key] for key in ("name", "description", "enabled", "trigger", "actions")}
    asked(desk, f"/automations/{watch['id']}", told, "PUT")


def wait_until_over(desk: Desk, run: str, seconds: float = 120) -> dict[str, Any]:
    """Return a run once it has ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = dict(asked(desk, f"/flow_runs/{run}", None, "GET"))  # type: ignore[call-overload]
        if found["state_type"] in ENDED:
            return found
        time.sleep(0.5)
    pytest.fail(f"{run} is not over after {seconds} s")


def lose_worker(read: Reader) -> None:
    """End the worker and throw its clone away, as when its machine is gone."""
    (worker,) = [
        each
        for each in psutil.process_iter(["cmdline", "cwd"])
        if each.info["cwd"] == str(read.desk.folder) and " worker start " in " ".join(each.info["cmdline"] or [])
    ]
    worker.terminate()
    worker.wait(60)
    read.desk.types(typed("rm -rf .local/clone"))


def bounds(desk: Desk) -> list[float]:
    return sorted(each["trigger"]["within"] for each in watches(desk))


def test_runs_whose_machine_is_gone_are_over_and_only_then_the_next_one_begins_with_another_worker(
    worker: Desk, read: Reader, called: Called
) -> None:
    lose_worker(read)
    assert bounds(worker) == [90, 90, 900]
    usual = watches(worker)
    for watch in usual:
        put_back(worker, {**watch, "trigger": {**watch["trigger"], "within": 10}})
    before = len(flow_runs(worker, "validation"))
    runs = [
        silent_run(worker, "PENDING", "RUNNING", beats=True),
        silent_run(worker, "PENDING", "RUNNING"),
        silent_run(worker, "PENDING"),
        silent_run(worker, "RUNNING", "CANCELLING"),
    ]
    worker.does("prefect", "deployment", "run", "validation/validation")
    read.types(Block("docs/runbook.md", 1, "sh", ("run",), f"{typed('make worker')} &\n"))

    found = [wait_until_over(worker, run) for run in runs]
    for watch in usual:  # on a busy machine a run that lives needs longer to begin
        put_back(worker, watch)
    after = wait_for_run(worker, "validation", before)

    assert after["state_type"] == "COMPLETED"
    assert [each["state_type"] for each in found] == ["CRASHED", "CRASHED", "CRASHED", "CANCELLED"]
    said = [each["state"]["message"].partition(":")[0] for each in found]
    assert said == ["it fell silent"] * 2 + ["it did not begin", "it was cancelled and did not end"]
    over = max(datetime.fromisoformat(each["state"]["timestamp"]) for each in found)
    assert over <= datetime.fromisoformat(str(after["start_time"]))
    called.to("training")
    assert {each["name"] for each in found} <= {each["run"] for each in called.messages}  # a busy SQLite may repeat one


def test_what_a_person_set_on_the_server_stays_when_it_is_deployed_again(worker: Desk) -> None:
    def scheduled() -> dict[str, list[dict[str, Any]]]:
        found = asked(worker, "/deployments/filter", {})
        assert isinstance(found, list)
        return {each["name"]: each["schedules"] for each in found}

    def pauses(schedule: dict[str, Any]) -> None:
        where = f"/deployments/{schedule['deployment_id']}/schedules/{schedule['id']}"
        asked(worker, where, {"active": False}, "PATCH")

    made = {name: schedules for name, schedules in scheduled().items() if schedules}
    assert {each["active"] for schedules in made.values() for each in schedules} == {False}
    worker.types(typed("prefect deployment schedule resume --all"))
    try:
        assert {each["active"] for schedules in scheduled().values() for each in schedules} == {True}
        pauses(made["retraining"][0])
        first = wait_for_schedule(worker, "monitoring")
        assert datetime.fromisoformat(str(first["expected_start_time"])) > datetime.now(UTC)
        worker.does("python", "-m", "flows.deploy")
        assert [each["active"] for each in scheduled()["monitoring"]] == [True]
        assert [each["active"] for each in scheduled()["retraining"]] == [False]
        assert bounds(worker) == [90, 90, 900]
    finally:
        for schedules in made.values():
            pauses(schedules[0])


@pytest.mark.parametrize("block", [block for block in every_shell_block() if block.needs == ["worker"]], ids=str)
def test_what_a_page_says_to_type_at_a_worker_works(block: Block, read: Reader) -> None:
    before = len(flow_runs(read.desk, "retraining"))

    read.types(block)

    assert [run["state_type"] for run in flow_runs(read.desk, "retraining")[before:]] == ["COMPLETED"]


STAGES = ("mlflow_fraud.stages.validate", "mlflow_fraud.stages.train xgboost", "mlflow_fraud.stages.ship")
HOOKS = (
    "clone/.local/clone/.git/hooks/pre-commit",
    "clone/.local/clone/.git/hooks/pre-push",
    "remote.git/hooks/post-receive",
)
"""Where git is before the commit, before the push, and after it: there the pointer has not moved yet."""


def begun(desk: Desk) -> subprocess.Popen[str]:
    """Begin a retraining in the worker's clone, as the worker would."""
    clone = desk.path(".local/clone")
    stores = places_from_anywhere(load_environment({}), desk.folder)
    beside = Desk(clone, **{**desk.environ, **stores, "PYTHONPATH": f"{clone / 'src'}{os.pathsep}{clone}"})
    return beside.starts("python", "-m", "flows.retraining")


def kill_all_of(run: subprocess.Popen[str]) -> None:
    """Kill a run and what it started, as when a machine is gone."""
    for process in [*psutil.Process(run.pid).children(recursive=True), psutil.Process(run.pid)]:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def killed_in(desk: Desk, stage: str) -> str:
    run = begun(desk)
    while run.poll() is None:
        with suppress(psutil.NoSuchProcess):
            if any(stage in " ".join(each.cmdline()) for each in psutil.Process(run.pid).children(recursive=True)):
                kill_all_of(run)
        time.sleep(0.02)
    return run.communicate()[0]


def killed_by(desk: Desk, hook: str) -> str:
    """Let git itself kill the run where it comes to a hook: the lock of the clone names its process."""
    place = desk.folder.parent / hook
    place.parent.mkdir(exist_ok=True)
    lock = desk.path(".local/clone/.local/run.lock")
    place.write_text(f"#!/bin/sh\nkill -9 $(sed 's/.*\"pid\": \\([0-9]*\\).*/\\1/' '{lock}')\nexit 1\n")
    place.chmod(0o755)
    try:
        return begun(desk).communicate()[0]
    finally:
        place.unlink()


def runs_in_mlflow(desk: Desk) -> list[tuple[str, int]]:
    """Return how many finished runs each key has that stands for one training."""
    asked = (
        "select value, count(*) from tags join runs using (run_uuid) where key = 'fraud.key' and status = 'FINISHED'"
    )
    with sqlite3.connect(desk.path(".local/mlflow.db")) as database:
        return database.execute(f"{asked} group by value").fetchall()


def test_a_run_killed_at_each_step_and_begun_again_is_one_run_one_release_and_one_commit(worker: Desk) -> None:
    worker.does("mlflow-fraud", "data", "stream", "--months", "1")
    month = min(worker.path(".local/stream/stable").glob("*.csv"))
    worker.does("git", "pull", "--quiet", "origin", "main")
    (batch := worker.path(f"data/raw/simulated/{month.name}")).write_bytes(month.read_bytes())
    worker.does("dvc", "add", "--quiet", str(batch))
    worker.does("git", "add", "data/raw")
    worker.does("git", "commit", "--quiet", "--message", "Data: one more month")
    worker.does("git", "push", "--quiet", "origin", "HEAD:main")
    worker.does("git", "-C", ".local/clone", "pull", "--quiet", "origin", "main")
    worker.does("dvc", "--cd", ".local/clone", "checkout", "--quiet", "--allow-missing", "--force")
    commits, moves, keys = main_of(worker), len(live(worker).ledger()), len(runs_in_mlflow(worker))

    printed = [killed_in(worker, stage) for stage in STAGES]
    printed += [killed_by(worker, hook) for hook in HOOKS]
    assert len(live(worker).ledger()) == moves, printed[-1]
    last = begun(worker)
    printed.append(last.communicate()[0])

    assert last.returncode == 0, printed[-1]
    assert main_of(worker) == ["Retraining: asked for by hand", *commits], printed
    (record,) = live(worker).ledger()[moves:]
    assert record.action == "promote"
    assert live(worker).manifest(record.to_version).git_sha == worker.does("git", "rev-parse", "origin/main").strip()
    counts = runs_in_mlflow(worker)
    assert {number for _, number in counts} == {1}
    assert len(counts) == keys + 4
