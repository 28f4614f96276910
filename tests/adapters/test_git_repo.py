"""What git cannot do here is one sentence with the way out."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mlflow_fraud.adapters import git_repo
from mlflow_fraud.core.errors import SettingsError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, entered, in no repository."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def git(*arguments: str) -> str:
    own = ["-c", "user.name=a", "-c", "user.email=a@b.example"]
    return subprocess.run(["git", *own, *arguments], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.usefixtures("folder")
def test_outside_a_repository_the_way_out_is_said() -> None:
    with pytest.raises(SettingsError, match=r"no git repository.*clone the project with git, or `git init && git add"):
        git_repo.require_repository()
    assert git_repo.head() == "unknown"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_WORK_TREE"])
def test_a_variable_that_leads_git_elsewhere_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    git("init", "--quiet")
    monkeypatch.setenv(name, "/nowhere")
    with pytest.raises(SettingsError, match=rf"{name} is /nowhere.*unset .*{name}") as refused:
        git_repo.require_repository()
    assert "git init" not in str(refused.value)


def test_variables_that_name_this_repository_do_no_harm(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git("init", "--quiet")
    monkeypatch.setenv("GIT_DIR", str(folder / ".git"))
    git_repo.require_repository()
    monkeypatch.setenv("GIT_WORK_TREE", str(folder))
    git_repo.require_repository()


@pytest.mark.usefixtures("folder")
def test_a_repository_without_a_commit_has_no_head() -> None:
    git("init", "--quiet")
    git_repo.require_repository()
    with pytest.raises(SettingsError, match=r"has no commit yet.*`git add --all && git commit"):
        git_repo.require_head()


@pytest.mark.parametrize("how", ["on a branch", "detached", "shallow"])
def test_the_commit_checked_out_is_the_head(folder: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    git("init", "--quiet", "one")
    monkeypatch.chdir(folder / "one")
    for message in ("first", "second"):
        git("commit", "--quiet", "--allow-empty", "--message", message)
    if how == "detached":
        git("checkout", "--quiet", "HEAD~1")
    if how == "shallow":
        git("clone", "--quiet", "--depth", "1", f"file://{folder}/one", str(folder / "two"))
        monkeypatch.chdir(folder / "two")
    assert git_repo.require_head() == git("rev-parse", "HEAD") == git_repo.head()


@pytest.mark.usefixtures("folder")
def test_git_that_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SettingsError, match="install git"):
        git_repo.require_repository()
    assert git_repo.head() == "unknown"


@pytest.mark.usefixtures("folder")
def test_a_folder_of_somebody_else_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    git("init", "--quiet")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    with pytest.raises(SettingsError, match=r"`git config --global --add safe\.directory "):
        git_repo.require_repository()


@pytest.mark.usefixtures("folder")
def test_a_repository_that_is_broken_is_said(folder: Path) -> None:
    (folder / ".git").write_text("gitdir: nowhere")
    with pytest.raises(SettingsError, match="git"):
        git_repo.require_repository()
