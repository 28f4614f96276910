"""The repository that a worker's volume begins with, where none is named: `docker/begin`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=ann", "-c", "user.email=ann@bank.example"]
    return subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def begin(repository: Path, checkout: Path) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "docker/begin"), str(repository), str(checkout), "main"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A checkout of two commits, on a branch that is not called main."""
    folder = tmp_path / "whole"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=mine")
    for text in ("one", "two"):
        (folder / "file").write_text(text)
        git(folder, "add", "file")
        git(folder, "commit", "--quiet", f"--message={text}")
    return folder


@pytest.mark.parametrize("depth", [None, 1], ids=["whole history", "last commit alone"])
def test_a_repository_begins_with_the_commit_that_is_checked_out(
    whole: Path, tmp_path: Path, depth: int | None
) -> None:
    checkout = whole
    if depth:
        checkout = tmp_path / "shallow"
        git(tmp_path, "clone", "--quiet", f"--depth={depth}", whole.as_uri(), str(checkout))

    ended = begin(tmp_path / "remote.git", checkout)

    assert ended.returncode == 0, ended.stderr
    git(tmp_path, "clone", "--quiet", "--branch=main", "remote.git", "clone")
    assert git(tmp_path / "clone", "rev-parse", "HEAD") == git(whole, "rev-parse", "HEAD")
    git(tmp_path / "clone", "commit", "--quiet", "--allow-empty", "--message=three")
    git(tmp_path / "clone", "push", "--quiet", "origin", "HEAD:main")
    assert git(tmp_path / "remote.git", "rev-parse", "main") == git(tmp_path / "clone", "rev-parse", "HEAD")


def test_what_runs_pushed_stays_when_the_checkout_goes_on(whole: Path, tmp_path: Path) -> None:
    remote = tmp_path / "remote.git"
    begin(remote, whole)
    first = git(remote, "rev-parse", "main")
    git(whole, "commit", "--quiet", "--allow-empty", "--message=three")

    assert begin(remote, whole).returncode == 0
    assert git(remote, "rev-parse", "main") == first


def test_a_folder_without_a_commit_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    ended = begin(tmp_path / "remote.git", tmp_path / "empty")

    assert ended.returncode == 1
    assert "expected GIT_REMOTE, or a repository with a commit mounted at" in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
