"""Git: which code made this."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from mlflow_fraud.core.errors import SettingsError

UNKNOWN = "unknown"
CODE = ("src", "flows", "dvc.yaml")


def head() -> str:
    """Return the commit checked out, or `unknown` outside a repository."""
    return _ask("rev-parse", "HEAD") or UNKNOWN


def code_state() -> str:
    """Return the commit checked out, with `-dirty` where tracked code differs; `unknown` outside a repository."""
    changed = _ask("status", "--porcelain", "--untracked-files=no", "--", *CODE)
    return head() + ("-dirty" if changed else "")


def read_at(commit: str, path: Path) -> str:
    """Return a file as a commit has it; raise `SettingsError` where there is no such commit, or no such file in it."""
    ended = run("show", f"{commit}:./{path.as_posix()}")
    if ended.returncode:
        raise SettingsError(
            f"git has no {path} in {commit!r}: {ended.stderr.strip().rstrip('.')}; name a commit or a branch of here"
        )
    return ended.stdout


def last_commit_of(path: Path) -> str:
    """Return the short name of the last commit that changed a file, empty where there is none."""
    return _ask("log", "-1", "--format=%h", "--", str(path))


def require_repository() -> None:
    """Raise `SettingsError`, with the way out, where git is not installed or this folder is in no repository of it."""
    ended = run("rev-parse", "--is-inside-work-tree")
    # git itself is content with a GIT_WORK_TREE that is not there, or is not this folder
    if ended.returncode or (_elsewhere() and ended.stdout.strip() != "true"):
        raise SettingsError(_trouble(ended.stderr))


def require_head() -> str:
    """Return the commit checked out; raise `SettingsError`, with the way out, where there is none."""
    require_repository()
    commit = commit_of("HEAD")
    if commit is None:
        raise SettingsError(
            "the git repository has no commit yet, so nothing can say which code made a model; "
            "`git add --all && git commit -m start` makes one"
        )
    return commit


def commit_of(revision: str) -> str | None:
    """Return the commit that a branch or another name says here; None where it says none."""
    ended = run("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    return None if ended.returncode else ended.stdout.strip()


def _trouble(said: str) -> str:
    """Return git's complaint as one sentence with the way out.

    >>> _trouble("fatal: not a git repository (or any of the parent directories): .git")
    'this folder is in no git repository, which DVC and the record of a model need; clone the project with git, or \
`git init && git add --all && git commit -m start` here'
    """
    if "dubious ownership" in said:
        return (
            "git does not trust this folder, since it belongs to another user; "
            f"`git config --global --add safe.directory {Path.cwd()}` trusts it"
        )
    if named := _elsewhere():
        shown = " and ".join(f"{name} is {os.environ[name]}" for name in named)
        return (
            f"{shown}, and git finds no repository of this folder by that; unset {' and '.join(named)}, or correct it"
        )
    if "not a git repository" in said:
        return (
            "this folder is in no git repository, which DVC and the record of a model need; "
            "clone the project with git, or `git init && git add --all && git commit -m start` here"
        )
    return f"git cannot work here: {' '.join(said.split()).removeprefix('fatal: ') or 'it said nothing'}"


def _elsewhere() -> list[str]:
    """Return which variables tell git where the repository is, instead of letting it look for it from this folder."""
    return [name for name in ("GIT_DIR", "GIT_WORK_TREE") if os.environ.get(name)]


def run(*question: str, told: str | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run git in its own language, English, `told` a text, and return how it ended; it asks nobody for a password."""
    variables = os.environ | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"} | environ
    try:
        return subprocess.run(
            ["git", *question], input=told, capture_output=True, text=True, check=False, env=variables
        )
    except OSError as error:
        raise SettingsError(
            f"git is not to be run ({error.strerror or error}), and DVC and the record of a model need it; install git"
        ) from error


def _ask(*question: str) -> str:
    try:
        ended = run(*question)
    except SettingsError:
        return ""
    return "" if ended.returncode else ended.stdout.strip()
