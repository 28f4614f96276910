"""What a person closed is a no to its rows and to what was made from them, and to nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlflow_fraud.operations.publication.closed import closed_with, goes_on_from_closed
from tests.github_server import GitHubServer, github_server
from tests.operations.publication.conftest import git

__all__ = ["github_server"]

Commit = Callable[..., str]


@pytest.fixture
def commit(tmp_path: Path, github_server: GitHubServer, monkeypatch: pytest.MonkeyPatch) -> Commit:
    """Commit files, on top of the first commit or of another; the first has a request, which a person closed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FRAUD_PUBLISH", "pull-request")
    monkeypatch.setenv("GITHUB_TOKEN", github_server.token)
    monkeypatch.setenv("GITHUB_REPOSITORY", "bank/fraud")
    monkeypatch.setenv("GITHUB_API_URL", github_server.url)

    def committed(upon: str = "", /, **files: str) -> str:
        if upon:
            git("checkout", "--quiet", "--detach", upon)
        for name, text in files.items():
            path = Path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        git("add", "--all")
        git("-c", "user.name=A", "-c", "user.email=a@bank.example", "commit", "--quiet", "--message", "One")
        return git("rev-parse", "HEAD")

    git("init", "--quiet")
    first = committed(**{"data/raw/cards/june.csv.dvc": "june", "dvc.lock": "of june"})
    github_server.commit_of = lambda branch: first
    github_server.answer("POST", "/repos/bank/fraud/pulls", {"head": "retraining-main", "base": "main"})
    github_server.close(1)
    return committed


def test_the_same_pins_are_closed_whatever_was_decided(commit: Commit) -> None:
    ours = commit(**{"data/decision/xgboost-1.json": "{}"})
    found = closed_with(ours)
    assert found is not None
    assert (found.number, found.commit) == (1, git("rev-parse", f"{ours}~"))


@pytest.mark.parametrize("file", ["data/raw/cards/july.csv.dvc", "data/raw/cards/june.csv.dvc", "dvc.lock"])
def test_other_rows_and_what_is_made_otherwise_are_new(commit: Commit, file: str) -> None:
    ours = commit(**{file: "another"})
    assert closed_with(ours) is None
    assert goes_on_from_closed(ours)  # but a run does not begin with it


def test_who_has_nothing_of_it_does_not_go_on_from_it(commit: Commit) -> None:
    git("checkout", "--quiet", "--orphan", "base")
    git("rm", "--quiet", "-r", "--force", ".")
    assert not goes_on_from_closed(commit(**{"dvc.lock": "of may"}))


@pytest.mark.parametrize("state", ["merged", "open"])
def test_a_request_that_was_merged_or_is_open_is_no_no(commit: Commit, github_server: GitHubServer, state: str) -> None:
    if state == "merged":
        github_server.close(1, merged=True)
    else:
        github_server.answer("POST", "/repos/bank/fraud/pulls", {"head": "retraining-main", "base": "main"})
    assert closed_with(git("rev-parse", "HEAD")) is None


def test_one_whose_commit_nobody_has_any_more_is_no_longer_known(commit: Commit, github_server: GitHubServer) -> None:
    github_server.commit_of = lambda branch: "0" * 39 + "1"
    assert closed_with(git("rev-parse", "HEAD")) is None
