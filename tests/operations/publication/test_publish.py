"""The commit comes first: the remotes have what a run made before anything goes live, and nothing is merged as text."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mlflow_fraud.adapters import git_branch, git_repo
from mlflow_fraud.core.errors import PublicationRefused, SettingsError
from mlflow_fraud.operations.publication.newest import begin
from mlflow_fraud.operations.publication.publish import publish
from mlflow_fraud.operations.publication.pushed import require_published
from tests.github_server import GitHubServer, github_server
from tests.operations.publication.conftest import Project, document, dvc, git
from tests.runbook import typed

__all__ = ["github_server"]

Clones = Callable[[str], Project]


def hook(project: Project, name: str, text: str, *, at: str = "remote.git") -> None:
    path = project.folder.parent / at / ("hooks" if at.endswith(".git") else ".git/hooks") / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_at_a_desk_it_stays_a_change_in_the_working_tree(clones: Clones, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FRAUD_PUBLISH")
    project, before = clones("first"), git_repo.head()
    Path("params.yaml").write_text("a change of somebody's\n")

    begin()
    published = publish("by hand")

    assert published.goes_live
    assert git_repo.head() == before
    assert git("status", "--porcelain") == "M params.yaml"
    assert project.history() == ["May"]


def test_a_run_that_brought_something_ends_in_one_commit_that_names_all_of_it(clones: Clones) -> None:
    project = clones("first")
    begin()
    project.brings("june")
    version = project.makes()

    assert publish("f1 below\n 0.8").goes_live
    again = publish("another reason")

    assert again.said == f"main has it: {git_repo.head()[:12]}"
    assert project.history() == ["Retraining: f1 below 0.8", "May"]
    assert {"data/raw/cards/june.csv.dvc", "dvc.lock", f"data/decision/{version}.json"} <= project.has("origin/main")
    assert "data/decision/verdict.json" not in project.has("origin/main")
    assert git("log", "-1", "--format=%an %ae", "origin/main") == "mlflow-fraud mlflow-fraud@localhost"
    assert f"Asked-by: f1 below 0.8\nRelease: {version}" in git("log", "-1", "--format=%B", "origin/main")
    assert git("status", "--porcelain") == ""
    require_published()


def test_a_run_that_brought_nothing_makes_no_commit(clones: Clones) -> None:
    project = clones("first")
    project.makes()
    git("clean", "--force", "--quiet", "data/decision")

    assert publish("nightly").goes_live
    assert project.history() == ["May"]


@pytest.mark.slow
def test_a_commit_that_a_kill_kept_from_being_pushed_is_pushed_by_the_next_run(clones: Clones) -> None:
    project = clones("first")
    project.brings("june")
    project.makes()
    hook(project, "pre-push", "kill -9 $PPID", at="first")  # git, so that nothing of it was pushed
    with pytest.raises(PublicationRefused):
        publish("f1 below 0.8")
    with pytest.raises(PublicationRefused, match="is not in main of the remote, so nothing goes live"):
        require_published()
    (project.folder / ".git/hooks/pre-push").unlink()

    begin()
    project.makes()
    assert publish("f1 below 0.8").goes_live

    assert project.history() == ["Retraining: f1 below 0.8", "May"]


KILLED_IN_DVC = """
import os, signal
from mlflow_fraud.adapters import dvc_repo
from mlflow_fraud.operations.publication.publish import publish

dvc_repo.push = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
publish("f1 below 0.8")
"""


@pytest.mark.slow
def test_a_process_that_is_killed_before_its_data_is_pushed_leaves_a_commit_that_nobody_has_yet(clones: Clones) -> None:
    project = clones("first")
    project.brings("june")
    project.makes()

    assert subprocess.run([sys.executable, "-c", KILLED_IN_DVC], check=False).returncode == -signal.SIGKILL

    assert git("log", "-1", "--format=%s") == "Retraining: f1 below 0.8"
    assert project.history() == ["May"]
    begin()
    project.makes()
    assert publish("f1 below 0.8").goes_live
    assert project.history() == ["Retraining: f1 below 0.8", "May"]


def test_what_the_remote_refuses_is_said_and_nothing_may_go_live(clones: Clones) -> None:
    project = clones("first")
    project.brings("june")
    project.makes()
    hook(project, "pre-receive", "echo 'main is protected' >&2; exit 1")

    with pytest.raises(
        PublicationRefused, match=r"git push to main of origin was refused .*hook declined.*nothing goes"
    ):
        publish("f1 below 0.8")
    with pytest.raises(PublicationRefused, match="so nothing goes live"):
        require_published()
    assert project.history() == ["May"]


@pytest.mark.slow
def test_a_data_remote_that_takes_nothing_keeps_the_commit_from_being_pushed(clones: Clones) -> None:
    project = clones("first")
    project.brings("june")
    project.makes()
    (project.folder / "in the way").write_text("no folder")
    (project.folder / ".dvc/config.local").write_text(
        "[core]\n    remote = store\n['remote \"store\"']\n    url = ../in the way/x\n"
    )
    with pytest.raises(PublicationRefused, match=r"dvc push: .*; nothing goes live, and the next run pushes it"):
        publish("f1 below 0.8")
    assert project.history() == ["May"]


@pytest.mark.slow
def test_the_later_of_two_takes_the_others_tree_lays_its_batch_upon_it_and_makes_all_again(clones: Clones) -> None:
    first, second = clones("first"), clones("second")
    for project, month in ((first, "june"), (second, "july")):
        project.enter()
        begin()
        project.brings(month)
        project.makes()
    first.enter()
    assert publish("june came").goes_live
    second.enter()

    overtaken = publish("july came")
    begin()

    assert (overtaken.goes_live, overtaken.overtaken) == (False, True)
    assert git_repo.head() == git("rev-parse", "origin/main")
    assert git_branch.changed(["data", "dvc.lock"]) == ["data/raw/cards/july.csv.dvc"]
    version = second.makes()
    assert second.rows() == ["july", "june", "may"]
    assert publish("july came").goes_live
    assert second.history() == ["Retraining: july came", "Retraining: june came", "May"]
    assert {f"data/raw/cards/{month}.csv.dvc" for month in ("may", "june", "july")} <= second.has("origin/main")
    assert document(f"data/decision/{version}.json", "origin/main")["version"] == "xgboost-july-june-may"


@pytest.mark.slow
def test_days_that_two_collected_under_two_names_are_the_others_once(clones: Clones) -> None:
    """The later one saw the week before its last payment came; what else it brought stays."""
    days = ("02_2020-03-08", "03_2020-03-07", "09_2020-03-15")
    week, same_week, next_week = (f"collected-2020-03-{each}" for each in days)
    first, second = clones("first"), clones("second")
    for project, names in ((first, [week]), (second, [same_week, next_week])):
        project.enter()
        begin()
        for name in names:
            project.brings(name)
        project.makes()
    first.enter()
    assert publish("the week came").goes_live
    second.enter()

    assert publish("the week came").overtaken
    begin()

    assert git_branch.changed(["data/raw"]) == [f"data/raw/cards/{next_week}.csv.dvc"]
    second.makes()
    assert second.rows() == [week, next_week, "may"]
    assert publish("the week came").goes_live
    assert f"data/raw/cards/{same_week}.csv.dvc" not in second.has("origin/main")


@pytest.mark.slow
def test_a_pointer_that_both_changed_is_the_others_and_what_they_took_out_goes(clones: Clones) -> None:
    first, second = clones("first"), clones("second")
    second.brings("june")
    Path("data/raw/cards/june.csv").write_text("june by the second\n")
    dvc("add", "--quiet", "data/raw/cards/june.csv")
    first.enter()
    first.brings("june")
    Path("data/raw/cards/may.csv.dvc").unlink()
    Path("data/raw/cards/may.csv").unlink()
    first.makes()
    assert publish("may was wrong").goes_live
    second.enter()

    begin()

    second.makes()
    assert second.rows() == ["june"]
    assert git_branch.changed(["data/raw"]) == []


def somebody_commits(message: str) -> None:
    """Commit what is changed here, as a person."""
    git("-c", "user.name=A", "-c", "user.email=a@bank.example", "commit", "--quiet", "--all", "--message", message)


def somebody_pushes(branch: str, remark: str, message: str) -> None:
    """Put a commit on a branch of the remote, as a person does who has it checked out."""
    git("fetch", "--quiet", "origin")
    git("checkout", "--quiet", "--detach", f"origin/{branch}")
    Path("params.yaml").write_text(f"dataset: cards\n# {remark}\n")
    somebody_commits(message)
    git("push", "--quiet", "origin", f"HEAD:{branch}")


def test_what_no_run_makes_is_neither_lost_nor_pushed_unseen(clones: Clones) -> None:
    clones("first")
    Path("params.yaml").write_text("a slip of somebody's\n")
    with pytest.raises(SettingsError, match=r"1 file changed here and not committed, such as params\.yaml"):
        begin()
    subprocess.run(typed("git checkout .").split(), check=True)
    begin()
    Path("params.yaml").write_text("a change of somebody's\n")
    somebody_commits("Mine")
    with pytest.raises(SettingsError, match=r"commits here that the remote does not have change params\.yaml"):
        begin()
    assert Path("params.yaml").read_text() == "a change of somebody's\n"


@pytest.mark.parametrize("branch", ["two words", "a..b"])
def test_a_branch_that_is_none_is_named(clones: Clones, branch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clones("first")
    monkeypatch.setenv("FRAUD_BRANCH", branch)
    with pytest.raises(SettingsError, match=r"FRAUD_BRANCH is '.*expected one like main"):
        begin()


@pytest.fixture
def by_request(clones: Clones, github_server: GitHubServer, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A clone whose runs end in a pull request."""
    monkeypatch.setenv("FRAUD_PUBLISH", "pull-request")
    monkeypatch.setenv("GITHUB_TOKEN", github_server.token)
    monkeypatch.setenv("GITHUB_REPOSITORY", "bank/fraud")
    monkeypatch.setenv("GITHUB_API_URL", github_server.url)
    monkeypatch.setattr("mlflow_fraud.operations.publication.publish.retraining_summary", lambda since: "how it went")
    github_server.commit_of = lambda branch: git("ls-remote", "origin", f"refs/heads/{branch}").split()[0]
    return clones("first")


@pytest.mark.slow
def test_one_pull_request_is_open_and_kept_up_to_date_and_nothing_goes_live(
    by_request: Project, clones: Clones, github_server: GitHubServer
) -> None:
    begin()
    by_request.brings("june")
    by_request.makes()
    first = publish("june came")
    fresh = clones("fresh")  # as another machine would begin: from what is shared
    git("reset", "--hard", "--quiet", "origin/main")
    for left in Path("data/raw/cards").glob("june*"):
        left.unlink()
    begin()
    fresh.brings("july")
    fresh.makes()
    second = publish("july came")

    (pull,) = github_server.pulls
    assert (first.goes_live, first.asked_for, second.asked_for) == (False, pull["html_url"], pull["html_url"])
    assert (pull["head"], pull["base"], pull["title"]) == ("retraining-main", "main", "Retraining: july came")
    assert fresh.history() == ["May"]
    assert fresh.rows() == ["july", "june", "may"]
    with pytest.raises(PublicationRefused, match="the merge promotes"):
        require_published()


@pytest.mark.slow
def test_what_came_onto_the_open_request_meanwhile_is_not_written_over(by_request: Project, clones: Clones) -> None:
    begin()
    by_request.brings("june")
    by_request.makes()
    publish("june came")
    begin()
    by_request.brings("july")
    by_request.makes()
    clones("reviewer")
    somebody_pushes("retraining-main", "as the review asked", "Reviewed")
    by_request.enter()

    assert publish("july came").overtaken
    begin()
    by_request.makes()
    assert publish("july came").asked_for

    git("fetch", "--quiet", "origin")
    log = git("log", "--format=%s", "origin/retraining-main").splitlines()
    assert log == ["Retraining: july came", "Reviewed", "Retraining: june came", "May"]
    assert by_request.rows() == ["july", "june", "may"]


@pytest.mark.slow
def test_a_base_that_went_on_is_taken_and_the_request_follows_it(
    by_request: Project, github_server: GitHubServer
) -> None:
    begin()
    by_request.brings("june")
    by_request.makes()
    publish("june came")
    somebody_pushes("main", "merged by somebody", "A change")
    git("checkout", "--quiet", "main")

    assert publish("june came").overtaken
    begin()
    by_request.makes()
    assert publish("june came").asked_for

    assert len(github_server.pulls) == 1
    git("fetch", "--quiet", "origin")
    log = git("log", "--format=%s", "origin/retraining-main").splitlines()
    assert log == ["Retraining: june came", "A change", "May"]
    assert by_request.rows() == ["june", "may"]


@pytest.mark.slow
def test_what_a_person_closed_stays_closed_and_the_next_run_begins_from_the_base(
    by_request: Project, github_server: GitHubServer
) -> None:
    begin()
    by_request.brings("june")
    by_request.makes()
    publish("june came")
    github_server.close(1)
    closed = git("rev-parse", "HEAD")

    begin()
    begun = git("rev-parse", "HEAD"), by_request.has("HEAD"), git_branch.changed(["data", "dvc.lock"])
    by_request.brings("june")  # the record still has it
    by_request.makes()
    again = publish("nightly")

    assert begun == (git("rev-parse", "origin/main"), by_request.has("origin/main"), [])
    assert (again.asked_for, again.goes_live, again.overtaken) == ("", False, False)
    assert "pull/1 was closed, and nothing new was brought" in again.said
    assert github_server.commit_of("retraining-main") == closed != git("rev-parse", "HEAD")
    assert len(github_server.pulls) == 1


def test_where_github_lets_no_workflow_push_a_workflow_file_a_person_is_asked_to(clones: Clones) -> None:
    project = clones("first")
    project.brings("june")
    project.makes()
    words = "refusing to allow a GitHub App to create or update workflow .github/workflows/ci.yml"
    hook(project, "pre-receive", f"echo '{words} without workflows permission' >&2; exit 1")

    with pytest.raises(PublicationRefused, match=r"merge the base into the branch and push that yourself"):
        publish("f1 below 0.8")


def test_a_pull_request_without_a_token_is_refused_before_any_work(
    by_request: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    with pytest.raises(SettingsError, match="neither FRAUD_GITHUB_TOKEN nor GITHUB_TOKEN is set"):
        begin()
