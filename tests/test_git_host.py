"""The stack's git repository begins with what is committed here, and what was pushed to it since stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlflow_fraud.adapters.git_repo import run
from stack import git_host


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """A checkout with one commit, on a branch of another name and with a remote of its own."""
    monkeypatch.chdir(tmp_path)

    def does(*words: str) -> str:
        ended = run("-c", "user.name=A", "-c", "user.email=a@bank.example", *words)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    does("init", "--quiet", "--initial-branch", "mine")
    does("remote", "add", "origin", "https://git.bank.example/fraud")
    does("commit", "--quiet", "--allow-empty", "--message", "Start")
    return does


def test_it_begins_with_the_commit_checked_out_and_the_checkouts_remote_stays(git: Callable[..., str]) -> None:
    repository = git_host.start()
    assert git("ls-remote", str(repository)) == f"{git('rev-parse', 'HEAD')}\tHEAD\n{git('rev-parse', 'HEAD')}\t" + (
        "refs/heads/main"
    )
    assert git("remote", "get-url", "origin") == "https://git.bank.example/fraud"


def test_it_is_the_same_at_a_later_start_and_takes_what_the_desk_pushes(git: Callable[..., str]) -> None:
    repository = git_host.start()
    first = git("rev-parse", "HEAD")
    git("commit", "--quiet", "--allow-empty", "--message", "Data")
    assert git_host.start() == repository
    assert first in git("ls-remote", str(repository))
    git("push", "--quiet", str(git_host.REPOSITORY), "HEAD:main")
    assert git("rev-parse", "HEAD") in git("ls-remote", str(repository))


def test_one_whose_making_was_killed_is_made_anew(git: Callable[..., str]) -> None:
    pending = git_host.REPOSITORY.with_name("remote.git.new")
    pending.mkdir(parents=True)
    (pending / "half").write_text("")
    assert not (git_host.start() / "half").exists()
