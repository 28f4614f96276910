"""A fresh clone of this repository with less of everything, and the commands that a person types in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from mlflow_fraud.environment import PREFIX
from tests.conftest import ROOT
from tests.runbook import typed

BIN = Path(sys.executable).parent
VENV = BIN.parent
PERSON = {
    "GIT_AUTHOR_NAME": "A Tester",
    "GIT_AUTHOR_EMAIL": "tester@bank.example",
    "GIT_COMMITTER_NAME": "A Tester",
    "GIT_COMMITTER_EMAIL": "tester@bank.example",
}
KEPT_OUT = (PREFIX, "MLFLOW_", "PREFECT_", "AWS_", "GIT_", "PYTEST_", "GITHUB_", "CI", "MAKE", "MFLAGS")


class Desk:
    """A clone at `folder`; its own code is what its commands import."""

    def __init__(self, folder: Path, **environ: str) -> None:
        self.folder = folder
        self.environ = {
            **{name: value for name, value in os.environ.items() if not name.startswith(KEPT_OUT)},
            **PERSON,
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": f"{folder / 'src'}{os.pathsep}{folder}",
            "DO_NOT_TRACK": "true",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "DVC_NO_ANALYTICS": "1",
            "GX_ANALYTICS_ENABLED": "false",
            **environ,
        }

    def tries(self, *command: str, seconds: float = 600, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the clone and return how it ended."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environ | environ,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def does(self, *command: str, **environ: str) -> str:
        """Run a command that must end well and return what it printed."""
        ended = self.tries(*command, **environ)
        assert ended.returncode == 0, f"{command}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout + ended.stderr

    def types(self, line: str, **environ: str) -> str:
        """Type a line into a shell in the clone; it must end well. Return what it printed."""
        return self.does("bash", "-o", "pipefail", "-c", line, **environ)

    def starts(self, *command: str, **environ: str) -> subprocess.Popen[str]:
        """Start a command in a process group of its own."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def makes(self, *goals: str, **environ: str) -> str:
        """Run `make` in the clone, in this environment instead of one of its own, and return what it printed."""
        return self.does("make", f"--assume-old={VENV}/.ready", f"VENV={VENV}", *goals, **environ)

    def path(self, name: str) -> Path:
        """Return a path in the clone."""
        return self.folder / name

    def lock(self) -> dict[str, str]:
        """Return the MD5 of every output that `dvc.lock` names."""
        stages = yaml.safe_load(self.path("dvc.lock").read_text())["stages"]
        return {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", [])}


def fresh_clone(folder: Path, **environ: str) -> Desk:
    """Clone this repository as it lies here, changes included, and commit smaller parameters in it.

    Nothing else is prepared: what is pinned here is pinned there, and its files are not there.
    """
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    for name in listed:
        source, target = ROOT / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
        else:
            target.unlink(missing_ok=True)
    desk = Desk(folder, **environ)
    desk.path("params.yaml").write_text(smaller((ROOT / "params.yaml").read_text()))
    desk.does("git", "add", "--all")
    desk.does("git", "commit", "--quiet", "--message", "Less of everything")
    return desk


def given_remotes(desk: Desk, folder: Path) -> None:
    """Let what the reader pushes go to two folders, not to the repository under test."""
    remote = folder / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(remote)], check=True)
    desk.does("git", "-C", str(remote), "config", "receive.shallowUpdate", "true")
    desk.does("git", "remote", "set-url", "origin", str(remote))
    desk.does("git", "push", "--quiet", "--set-upstream", "origin", "main")
    desk.types(typed("mlflow-fraud data remote <url>", url=str(folder / "store")))


def smaller(text: str) -> str:
    """Return the shipped parameters with less of everything; comments go."""
    params = yaml.safe_load(text)
    params["simulation"] |= {"days": 240, "transactions": 40_000, "cards": 80, "merchants": 80}
    params["datasets"]["simulated"]["split"] |= {"validation_days": 50, "test_days": 50}
    params["train"]["forest"] |= {"trees": 10, "max_depth": 8}
    params["train"]["xgboost"] |= {"rounds": 40, "eta": 0.2, "max_depth": 4}
    params["train"]["logistic"] |= {"bins": 6}
    params["compare"] |= {"min_frauds": 5, "floors": {"average_precision": 0.1}}
    return yaml.safe_dump(params, sort_keys=False)
