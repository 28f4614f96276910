"""A branch and its base become one tree in which nothing that runs make is merged as text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlflow_fraud.adapters import git_branch
from mlflow_fraud.adapters.git_merge import foreign_to, merge
from mlflow_fraud.adapters.git_pictures import BRANCH, keep_pictures
from mlflow_fraud.core.errors import FraudError, PublicationRefused, SettingsError
from mlflow_fraud.operations.review.checks import mirror, tell_verdict
from mlflow_fraud.operations.review.merged import MADE, take_base_in
from mlflow_fraud.operations.review.pins import require_pins
from mlflow_fraud.operations.review.pushed import push_made
from tests.github_server import GitHubServer, github_server
from tests.operations.publication.conftest import Project, clones, first_clone, git

__all__ = ["clones", "first_clone", "github_server"]

Clones = Callable[[str], Project]


@pytest.fixture
def on_github(github_server: GitHubServer, monkeypatch: pytest.MonkeyPatch) -> GitHubServer:
    for name, value in {
        "FRAUD_GITHUB_TOKEN": github_server.token,
        "GITHUB_REPOSITORY": "bank/fraud",
        "GITHUB_API_URL": github_server.url,
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@bank.example",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@bank.example",
    }.items():
        monkeypatch.setenv(name, value)
    return github_server


def commits(message: str) -> str:
    git("add", "--all")
    git("commit", "--quiet", "--message", message)
    return git("rev-parse", "HEAD")


def merges_to_main(project: Project, month: str) -> None:
    """Let main have another month, trained."""
    git("checkout", "--quiet", "main")
    project.brings(month)
    project.makes()
    commits(month)
    git("push", "--quiet", "origin", "main")


@pytest.mark.slow
def test_two_branches_that_pin_a_batch_each_become_one_lock_made_from_both(
    clones: Clones, on_github: GitHubServer
) -> None:
    project = clones("first")
    git("checkout", "--quiet", "-b", "june")
    project.brings("june")
    project.makes()
    commits("june")
    git("push", "--quiet", "origin", "june")
    merges_to_main(project, "july")
    git("checkout", "--quiet", "june")

    take_base_in("origin/main")
    with pytest.raises(
        PublicationRefused, match=r"dvc\.lock does not name what the merged files make: ingest would run"
    ):
        require_pins()

    assert git("status", "--porcelain") == ""
    assert git("show", "HEAD:dvc.lock") == git("show", "origin/main:dvc.lock")
    assert foreign_to(git("rev-parse", "HEAD"), MADE) == []
    version = project.makes()
    assert project.rows() == ["july", "june", "may"]
    assert push_made("june")
    assert git("rev-parse", "origin/june") == git("rev-parse", "HEAD")
    assert on_github.started == [("ci.yml", "june")]
    assert f"data/decision/{version}.json" in project.has("origin/june")
    assert git_branch.is_ancestor("origin/main", "origin/june")
    assert require_pins() == "dvc.lock names what the files here make"
    assert not push_made("june")
    assert on_github.started == [("ci.yml", "june")] * 2  # the run that pushed it may have been stopped before it told
    mirror('{"lint": {"result": "success"}}')
    assert not push_made("june")
    assert len(on_github.started) == 2


def test_what_no_run_makes_is_for_a_person_to_merge_and_the_branch_stays_as_it_was(
    clones: Clones, on_github: GitHubServer
) -> None:
    clones("first")
    git("checkout", "--quiet", "-b", "mine")
    Path("params.yaml").write_text("dataset: mine\n")
    mine = commits("Mine")
    git("checkout", "--quiet", "main")
    Path("params.yaml").write_text("dataset: theirs\n")
    commits("Theirs")
    git("push", "--quiet", "origin", "main")
    git("checkout", "--quiet", "mine")

    with pytest.raises(PublicationRefused, match=r"both change params\.yaml, which no run makes; merge the base"):
        take_base_in("origin/main")

    assert git("rev-parse", "HEAD") == mine
    assert git("status", "--porcelain") == ""


def merges_lock_and_batch(project: Project) -> str:
    """Let main and the branch that is checked out both have changed dvc.lock, and main brought a batch; return main."""
    who = ("-c", "user.name=A", "-c", "user.email=a@bank.example")
    for branch, batch in (("june", "june"), ("main", "july")):
        git("checkout", "--quiet", "-B", branch, "origin/main")
        Path("dvc.lock").write_text(f"schema: '2.0'\n# {batch}\n")
        Path(f"data/raw/cards/{batch}.csv.dvc").write_text("outs: []\n")
        git("add", "--all")
        git(*who, "commit", "--quiet", "--message", batch)
    main = git("rev-parse", "HEAD")
    git("checkout", "--quiet", "june")
    return main


def test_a_base_is_taken_in_where_git_knows_nobodys_name_as_on_a_runner(clones: Clones) -> None:
    main = merges_lock_and_batch(clones("first"))
    branch = git("rev-parse", "HEAD")
    git("config", "user.useConfigOnly", "true")

    assert merge(main, MADE, "Merge the base")

    assert git("rev-list", "--parents", "--max-count=1", "HEAD").split()[1:] == [branch, main]
    assert git("show", "HEAD:dvc.lock") == git("show", f"{main}:dvc.lock")
    assert {"data/raw/cards/june.csv.dvc", "data/raw/cards/july.csv.dvc"} <= set(
        git("ls-tree", "-r", "--name-only", "HEAD").split()
    )


def test_a_base_that_this_clone_does_not_know_is_told_with_what_brings_it(clones: Clones) -> None:
    clones("first")
    with pytest.raises(SettingsError, match=r"git knows no commit 'origin/maine' in this clone; `git fetch origin`"):
        take_base_in("origin/maine")


@pytest.mark.parametrize(
    ("begun", "message"),
    [
        pytest.param(False, "git merge ended with: error: Your local changes", id="a file that is not committed"),
        pytest.param(
            True, "git merge ended with: fatal: You have not concluded your merge", id="a merge of a person's"
        ),
    ],
)
def test_a_merge_that_git_does_not_begin_is_told_in_its_words_and_changes_nothing(
    clones: Clones, begun: bool, message: str
) -> None:
    main = merges_lock_and_batch(clones("first"))
    branch = git("rev-parse", "HEAD")
    if begun:
        git("-c", "user.name=A", "-c", "user.email=a@bank.example", "merge", "--no-commit", "--strategy=ours", main)
    else:
        Path("dvc.lock").write_text("schema: '2.0'\n# mine\n")
    before = git("status", "--porcelain")

    with pytest.raises(PublicationRefused, match=message):
        merge(main, MADE, "Merge the base")

    assert (git("rev-parse", "HEAD"), git("status", "--porcelain")) == (branch, before)
    assert Path(".git/MERGE_HEAD").exists() == begun


def test_a_branch_that_went_on_meanwhile_is_not_written_over(clones: Clones, on_github: GitHubServer) -> None:
    project = clones("first")
    git("checkout", "--quiet", "-b", "june")
    project.brings("june")
    commits("june")
    git("push", "--quiet", "origin", "june")
    git("commit", "--quiet", "--allow-empty", "--message", "Second thoughts")
    git("push", "--quiet", "origin", "june")
    newest = git("rev-parse", "HEAD")
    git("reset", "--hard", "--quiet", "HEAD~")
    project.makes()

    with pytest.raises(PublicationRefused, match="june has gone on meanwhile, so nothing was pushed"):
        push_made("june")

    assert git("ls-remote", "origin", "refs/heads/june").split()[0] == newest
    assert on_github.started == []
    assert tell_verdict("june").startswith(f"no check: june has gone on meanwhile, and {newest[:12]}, which was not")
    assert on_github.checks == []


def test_only_a_commit_of_what_runs_make_has_its_tests_told_as_a_status(
    clones: Clones, on_github: GitHubServer
) -> None:
    clones("first")
    Path("data/decision").mkdir()
    Path("data/decision/xgboost-1.json").write_text("{}")
    made = commits("Retrain: pin what the change makes")
    assert mirror('{"lint": {"result": "success"}, "pins": {"result": "skipped"}}') == "ci: success, lint"
    told = {"context": "ci", "state": "success", "description": "lint", "sha": made}
    assert on_github.statuses == [told]

    Path("params.yaml").write_text("dataset: mine\n")
    mine = commits("Mine")
    said = mirror('{"lint": {"result": "success"}}')
    assert said.startswith(f"no status: {mine[:12]} changes params.yaml, and only a commit of what runs make")
    assert on_github.statuses == [told]


def test_a_pointer_that_goes_because_the_base_collected_its_days_is_no_reason_to_keep_the_result_back(
    clones: Clones, on_github: GitHubServer
) -> None:
    clones("first")
    raw = Path("data/raw/cards")
    mine, theirs, other = (
        raw / f"collected-2020-03-{days}.parquet.dvc" for days in ("02_2020-03-08", "02_2020-03-15", "16_2020-03-22")
    )
    for pointer in (mine, theirs, other):
        pointer.write_text("outs: []\n")
    commits("Collected")
    mine.unlink()
    commits("Retrain: pin what the change makes")
    assert mirror('{"lint": {"result": "success"}}') == "ci: success, lint"

    other.unlink()
    commits("Without a week")
    assert mirror('{"lint": {"result": "success"}}').startswith("no status: ")
    assert len(on_github.statuses) == 1


def test_the_commit_of_a_person_has_checks_of_its_own_and_is_not_tested_once_more(
    clones: Clones, on_github: GitHubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clones("first")
    Path("data/decision").mkdir()
    Path("data/decision/xgboost-1.json").write_text("{}")
    with monkeypatch.context() as another:
        another.setenv("GIT_COMMITTER_NAME", "B")
        commits("Pinned at a desk")
    git("push", "--quiet", "origin", "main")
    assert not push_made("main")
    assert on_github.started == []


def test_a_merge_in_which_somebody_changed_more_than_git_makes_of_it_is_not_of_what_runs_make(clones: Clones) -> None:
    clones("first")
    git("checkout", "--quiet", "-b", "side")
    Path("one").write_text("1")
    who = ("-c", "user.name=A", "-c", "user.email=a@bank.example")
    git("add", "--all")
    git(*who, "commit", "--quiet", "--message", "One")
    git("checkout", "--quiet", "main")
    git(*who, "commit", "--quiet", "--allow-empty", "--message", "Two")
    git(*who, "merge", "--quiet", "--no-commit", "side")
    Path("params.yaml").write_text("dataset: mine\n")
    git("add", "--all")
    git(*who, "commit", "--quiet", "--message", "Merge")
    assert foreign_to(git("rev-parse", "HEAD"), MADE) == ["params.yaml"]


def test_the_verdict_is_a_check_on_what_the_branch_has(
    clones: Clones, on_github: GitHubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = clones("first")
    pushed = git("rev-parse", "HEAD")
    assert tell_verdict("main") == "champion/challenger: failure, stopped before a verdict"
    version = project.makes(promote=False)
    lacking = "champion/challenger: failure, judged, but what was made is not on the branch"
    assert tell_verdict("main") == lacking
    commits("not pushed")
    assert tell_verdict("main") == lacking
    assert {check["head_sha"] for check in on_github.checks} == {pushed}
    push_made("main")
    monkeypatch.setattr("mlflow_fraud.operations.review.checks.verdict_summary", lambda: "why")
    assert tell_verdict("main") == f"champion/challenger: neutral, {version}: do not promote"  # nothing was live
    assert on_github.checks[-1]["head_sha"] == git("rev-parse", "HEAD") != pushed
    assert on_github.checks[-1]["output"] == {"title": f"{version}: do not promote", "summary": "why"}


def test_pictures_are_on_a_branch_without_a_history_and_the_newest_of_a_folder_stay(
    clones: Clones, on_github: GitHubServer
) -> None:
    clones("first")
    curve = Path("curve.png")
    for folder, content in (("pull-7", "a"), ("pull-8", "b"), ("pull-7", "c")):
        curve.write_text(content)
        keep_pictures([curve], folder)
    git("fetch", "--quiet", "origin", BRANCH)
    assert git("ls-tree", "-r", "--name-only", "FETCH_HEAD").split() == ["pull-7/curve.png", "pull-8/curve.png"]
    assert git("show", "FETCH_HEAD:pull-7/curve.png") == "c"
    assert git("rev-list", "--count", "FETCH_HEAD") == "1"


def test_github_refuses_a_check_on_a_commit_that_it_does_not_have(clones: Clones, on_github: GitHubServer) -> None:
    clones("first")
    on_github.knows = lambda commit: False
    with pytest.raises(FraudError, match="GitHub answers 422"):
        tell_verdict("main")
