"""The weekly request for newer packages: the step itself, typed against a git remote and GitHub's API as a server."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.github_server import GitHubServer, github_server

__all__ = ["github_server"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a locked package and a remote of its own."""
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path / "origin.git")], check=True)
    folder = tmp_path / "checkout"
    subprocess.run(["git", "clone", "--quiet", str(tmp_path / "origin.git"), str(folder)], check=True)
    (folder / "requirements.lock").write_text("cards==1.0\n")
    (folder / ".github").mkdir()
    (folder / ".github/audit.lock").write_text("audit==1.0\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "Start")
    return folder


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=A", "-c", "user.email=a@bank.example"]
    return subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def asks(checkout: Path, github_server: GitHubServer) -> Callable[..., str]:
    """Run the step after locking anew; return what it said."""
    job = yaml.safe_load((ROOT / ".github/workflows/scheduled.yml").read_text())["jobs"]["refresh"]
    step = job["steps"][-1]
    told = {name: value for name, value in step["env"].items() if "${{" not in value}

    def run(locked: str) -> str:
        (checkout / "requirements.lock").write_text(locked)
        environ = {"PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1", "GITHUB_REPOSITORY": "bank/fraud"}
        environ |= told | {"GITHUB_API_URL": github_server.url, "TOKEN": github_server.token, "OWNER": "bank"}
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        ended = subprocess.run(command, cwd=checkout, env=environ, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    return run


def test_a_newer_lock_is_a_branch_and_one_request_kept_open(
    checkout: Path, asks: Callable[..., str], github_server: GitHubServer
) -> None:
    asks("cards==1.1\n")
    git(checkout, "reset", "--quiet", "--hard", "HEAD~1")
    asks("cards==1.2\n")

    assert git(checkout, "show", "origin/dependencies:requirements.lock") == "cards==1.2\n"
    assert git(checkout, "rev-list", "--count", "origin/dependencies").strip() == "2"
    (pull,) = github_server.pulls
    assert (pull["head"], pull["base"]) == ("dependencies", "main")
    assert "Close it and open it again, then its checks run" in pull["body"]
    assert github_server.started == []  # the result of a run by hand could not be told to a commit of other files


def test_the_branch_of_a_person_who_went_on_with_it_and_one_that_has_these_locks_stay_as_they_are(
    checkout: Path, asks: Callable[..., str]
) -> None:
    asks("cards==1.1\n")
    git(checkout, "reset", "--quiet", "--hard", "HEAD~1")
    first = git(checkout, "rev-parse", "origin/dependencies")
    git(checkout, "commit", "--quiet", "--allow-empty", "--message", "main went on")
    asks("cards==1.1\n")
    assert git(checkout, "ls-remote", "origin", "refs/heads/dependencies").split()[0] == first.strip()

    git(checkout, "checkout", "--quiet", "--force", "--detach", "origin/dependencies")
    (checkout / "mended").write_text("by hand\n")
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "--message", "Mend what the lock broke")
    git(checkout, "push", "--quiet", "origin", "HEAD:dependencies")
    mended = git(checkout, "rev-parse", "HEAD")
    assert "::notice::a person went on with the branch dependencies" in asks("cards==1.2\n")
    assert git(checkout, "ls-remote", "origin", "refs/heads/dependencies").split()[0] == mended.strip()


def test_where_workflows_may_open_no_request_the_branch_is_there_and_a_notice_names_the_setting(
    checkout: Path, asks: Callable[..., str], github_server: GitHubServer
) -> None:
    github_server.workflows_open_pulls = False
    assert "::notice::Settings, Actions: let workflows create pull requests" in asks("cards==1.1\n")
    assert git(checkout, "show", "origin/dependencies:requirements.lock") == "cards==1.1\n"


def test_nothing_newer_asks_for_nothing(asks: Callable[..., str], github_server: GitHubServer) -> None:
    assert "::notice::every package is the newest" in asks("cards==1.0\n")
    assert github_server.pulls == []
