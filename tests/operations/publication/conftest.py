"""A git remote, a DVC remote and clones of a project whose only stage puts the raw files together."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from mlflow_fraud.adapters.files import write_json
from mlflow_fraud.core.release.decision import Verdict
from mlflow_fraud.operations.release.comparison import Comparison
from mlflow_fraud.operations.release.contest import Contestant
from mlflow_fraud.paths import VERDICT, decision_file

PIPELINE = """
stages:
  ingest:
    cmd: cat data/raw/cards/*.csv > data/transactions.parquet
    deps: [data/raw/cards]
    outs: [data/transactions.parquet]
"""
IGNORED = """
/data/raw/*/*.*
!/data/raw/*/*.dvc
/data/transactions.parquet
/data/decision/*
!/data/decision/*.json
/data/decision/verdict.json
/.local/
"""


def git(*words: str) -> str:
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout.strip()


def dvc(*words: str) -> None:
    """Run DVC in this process, which takes a tenth of the time of one of its own."""
    from dvc.cli import main

    assert main(list(words)) == 0


def verdict(version: str, *, promote: bool = True) -> Comparison:
    """Return a verdict on a version, as good as any."""
    ours = Contestant(version, "xgboost", 0.5, {"f1": 0.8})
    found = Verdict(promote, ("f1 +0.1",) if promote else (), () if promote else ("f1 -0.1",))
    told = {"question": "a first release", "rows": "0" * 64, "waits_until": None, "rule": "params.yaml", "metric": "f1"}
    empty: dict[str, object] = {"candidates": {}, "intervals": {}, "champion": None, "anchor": None, "gain": None}
    return Comparison(ours, None, verdict=found, budget="2", store="live", first=True, asked="", **told, **empty)  # type: ignore[arg-type]


class Project:
    """A clone that brings batches."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def enter(self) -> Project:
        os.chdir(self.folder)
        return self

    def brings(self, name: str) -> None:
        """Pin one more raw file."""
        path = self.folder / f"data/raw/cards/{name}.csv"
        path.write_text(f"{name}\n")
        dvc("add", "--quiet", str(path.relative_to(self.folder)))

    def makes(self, *, promote: bool = True) -> str:
        """Run the stage, and judge what it made: the version is named by the rows."""
        dvc("repro", "--quiet")
        version = "xgboost-" + "-".join(self.rows())
        comparison = verdict(version, promote=promote)
        write_json(VERDICT, asdict(comparison))
        write_json(decision_file(version), {"version": version, "promote": promote})
        return version

    def rows(self) -> list[str]:
        return (self.folder / "data/transactions.parquet").read_text().split()

    def history(self) -> list[str]:
        """Return the first lines of the commits that the remote's main has, newest first."""
        git("fetch", "--quiet", "origin")
        return git("log", "--format=%s", "origin/main").splitlines()

    def has(self, revision: str) -> set[str]:
        return set(git("ls-tree", "-r", "--name-only", revision).splitlines())


@pytest.fixture(scope="session")
def first_clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with its first batch, in a folder beside its remotes; to be copied whole."""
    root = tmp_path_factory.mktemp("publication")
    before = Path.cwd()
    git("init", "--quiet", "--bare", "--initial-branch=main", str(root / "remote.git"))
    git("clone", "--quiet", str(root / "remote.git"), str(root / "first"))
    project = Project(root / "first").enter()
    try:
        git("checkout", "--quiet", "-B", "main")
        for name, text in {"dvc.yaml": PIPELINE, ".gitignore": IGNORED, "params.yaml": "dataset: cards\n"}.items():
            Path(name).write_text(text)
        Path(".dvc").mkdir()
        Path(".dvc/config").write_text("[core]\n    analytics = false\n    autostage = false\n")
        Path(".dvc/.gitignore").write_text("/config.local\n/tmp\n/cache\n")
        Path("data/raw/cards").mkdir(parents=True)
        project.brings("may")
        dvc("repro", "--quiet")
        git("add", "--all")
        git("-c", "user.name=A", "-c", "user.email=a@bank.example", "commit", "--quiet", "--message", "May")
        git("push", "--quiet", "origin", "main")
        Path(".dvc/config.local").write_text(
            "[core]\n    remote = store\n['remote \"store\"']\n    url = ../../store\n"
        )
        dvc("push", "--quiet")
    finally:
        os.chdir(before)
    return root


@pytest.fixture
def clones(first_clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Project]:
    """Make clones by their names, with remotes of this test's own; git knows nobody's name."""
    root = tmp_path / "world"
    subprocess.run(["cp", "-a", str(first_clone), str(root)], check=True)
    for name in [name for name in os.environ if name.startswith(("GIT_AUTHOR", "GIT_COMMITTER"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    monkeypatch.setenv("FRAUD_PUBLISH", "branch")
    monkeypatch.chdir(root / "first")

    def clone(name: str) -> Project:
        folder = root / name
        if not folder.exists():
            subprocess.run(["cp", "-a", str(root / "first"), str(folder)], check=True)
        os.chdir(folder)
        git("remote", "set-url", "origin", str(root / "remote.git"))
        return Project(folder)

    return clone


def document(path: str, revision: str) -> dict[str, object]:
    """Return a JSON file as a commit has it."""
    return dict(json.loads(git("show", f"{revision}:{path}")))
