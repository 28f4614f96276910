"""Where it is played: a clone, the stack on it, and a first model live."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import yaml

from mlflow_fraud.adapters.release_store import ReleaseStore, open_store
from mlflow_fraud.core.errors import FraudError
from mlflow_fraud.paths import LOCAL, PARAMS_FILE
from rehearsal.asking import Client
from rehearsal.plan import Plan
from rehearsal.prefect_runs import Prefect
from stack import git_host, orchestration, parts, process, scoring

FOLDER = LOCAL / "rehearsal"
PERSON = ("-c", "user.name=Rehearsal", "-c", "user.email=rehearsal@bank.example")
HABITS = {
    "GIT_AUTHOR_NAME": "Rehearsal",
    "GIT_AUTHOR_EMAIL": "rehearsal@bank.example",
    "GIT_COMMITTER_NAME": "Rehearsal",
    "GIT_COMMITTER_EMAIL": "rehearsal@bank.example",
    "FRAUD_RATE_LIMIT": "100000",
    "FRAUD_RATE_BURST": "100000",
    "FRAUD_LABELS_PER_HOUR": "1000000",
    "GOMP_SPINCOUNT": "10000",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "true",
}


class Workplace(NamedTuple):
    """A clone at which somebody once began, the clone of the worker, and what runs."""

    desk: Path
    clone: Path
    environ: Mapping[str, str]
    client: Client
    prefect: Prefect

    def does(self, *command: object, at: Path | None = None) -> str:
        """Run a command that has to end well, at the desk or elsewhere, and return what it printed."""
        return _does(command, at or self.desk, self.environ)

    @property
    def store(self) -> ReleaseStore:
        """The release store, as this process reaches it."""
        os.environ.update({name: self.environ[name] for name in self.environ if name.startswith(("AWS_", "FRAUD_"))})
        return open_store(self.environ["FRAUD_RELEASE_STORE"], endpoint_url=self.environ["FRAUD_S3_ENDPOINT_URL"])

    def answers_with_newest(self, seconds: float = 60) -> str:
        """Return what is live once the service answers with it; raise `FraudError` where it does not in time."""
        pointer, until = self.store.latest(), time.monotonic() + seconds
        while pointer is not None and self.client.live() != pointer.version:
            if time.monotonic() > until:
                raise FraudError(f"{pointer.version} is live, and the service answers with {self.client.live()}")
            time.sleep(0.2)
        return pointer.version if pointer else ""


def prepare(plan: Plan, say: Callable[[str], None]) -> Workplace:
    """Make everything anew and end with a first model live; the working folder is the desk from then on."""
    root = Path.cwd()
    folder = (root / FOLDER / plan.name).resolve()
    desk = folder / "desk"
    if desk.is_dir():  # one that was stopped in the middle may have left its servers
        os.chdir(desk)
        parts.stop(lambda line: None)
        os.chdir(root)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _does(["git", "clone", "--quiet", "--no-hardlinks", root, desk], root, os.environ)
    os.chdir(desk)
    _begin(plan, desk)
    code = os.pathsep.join([str(desk / "src"), str(desk)])
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environ = {**os.environ, **HABITS, "PYTHONPATH": code, "PATH": path}
    say("the stack, by the command that `make stack` calls; beside it the made-up history is pinned")
    stack = subprocess.Popen([sys.executable, "-m", "stack", "start"], env=environ)
    try:
        _make_history(desk, environ)
    finally:
        ended = stack.wait()
    if ended:
        raise FraudError("the stack did not start; its own words are above")
    told = parts.variables()
    service = told["SERVICE_URL"]
    found = Workplace(
        desk,
        desk / orchestration.CLONE,
        {**environ, **told},
        Client(service, scoring.key()),
        Prefect(told),
    )
    found.does("git", "push", "--quiet", git_host.REPOSITORY, f"HEAD:{git_host.BRANCH}")
    say("the record begins with it")
    process.stop("service")
    found.does(program("mlflow-fraud"), "record", "seed")
    scoring.start(int(service.rpartition(":")[2]), found.environ)
    say("the first model")
    first = found.prefect.run("retraining", reason="the first model", first=True)
    if first["state_type"] != "COMPLETED":
        raise FraudError(f"the first retraining ended {first['state_name']}: {first['state'].get('message', '')}")
    found.answers_with_newest()
    return found


def _begin(plan: Plan, desk: Path) -> None:
    """Commit what this business is, so that the stack's repository begins with it."""
    params = yaml.safe_load(PARAMS_FILE.read_text(encoding="utf-8"))
    PARAMS_FILE.write_text(yaml.safe_dump(plan.params(params), sort_keys=False), encoding="utf-8")
    for pointer in desk.glob("data/raw/*/*.dvc"):
        pointer.unlink()
    for command in (
        ["checkout", "--quiet", "-B", git_host.BRANCH],
        ["add", "--all"],
        [*PERSON, "commit", "--quiet", "--message", "The business that is played"],
    ):
        _does(["git", *command], desk, os.environ)


def _make_history(desk: Path, environ: Mapping[str, str]) -> None:
    """Pin what came before: the worker has the desk's DVC cache, and pushes the data itself."""
    for command in (
        (program("mlflow-fraud"), "data", "simulate"),
        ("git", "add", "--all", "data/raw"),
        ("git", "commit", "--quiet", "--message", "What came before"),
        (program("dvc"), "repro", "--quiet", "ingest"),
    ):
        _does(command, desk, environ)


def program(name: str) -> Path:
    """Return a program of this environment."""
    return Path(sys.executable).with_name(name)


def _does(command: list[object] | tuple[object, ...], at: Path, environ: Mapping[str, str]) -> str:
    words = [str(word) for word in command]
    ended = subprocess.run(words, cwd=at, env={**environ}, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise FraudError(f"{' '.join(words)} ended with {ended.returncode}:\n{(ended.stdout + ended.stderr)[-2000:]}")
    return ended.stdout
