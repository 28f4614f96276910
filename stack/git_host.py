"""A git repository of the stack's own, to which its worker pushes: nothing reaches the checkout's remotes."""

from __future__ import annotations

import shutil
from pathlib import Path

from mlflow_fraud.adapters import git_repo
from mlflow_fraud.core.errors import FraudError
from mlflow_fraud.paths import STACK
from stack.place import folder_of

REPOSITORY = STACK / "remote.git"
BRANCH = "main"


def start() -> Path:
    """Return the repository, whole path; where it is not there it begins with the commit that is checked out here."""
    if not REPOSITORY.is_dir():
        pending = folder_of("remote.git.new")
        shutil.rmtree(pending)
        _git("init", "--quiet", "--bare", "--initial-branch", BRANCH, str(pending))
        _git("-C", str(pending), "config", "receive.shallowUpdate", "true")
        _git("push", "--quiet", "--no-verify", str(pending), f"HEAD:refs/heads/{BRANCH}")
        pending.rename(REPOSITORY)
    return REPOSITORY.resolve()


def _git(*words: str) -> None:
    ended = git_repo.run(*words)
    if ended.returncode:
        raise FraudError(f"the stack's git repository could not be made: {ended.stderr.strip()}")
