"""DVC: a pinned file or folder as a commit has it, whatever lies here."""

from __future__ import annotations

import sys
from pathlib import Path

from mlflow_fraud.adapters.dvc_lock import locked_out, md5_of
from mlflow_fraud.adapters.dvc_repo import last_words
from mlflow_fraud.adapters.git_branch import content_at
from mlflow_fraud.adapters.process import python_environ, run
from mlflow_fraud.core.errors import DataError
from mlflow_fraud.paths import LOCK


def bring_from(commit: str, path: Path, to: Path) -> None:
    """Let `to` be what the `dvc.lock` of a commit names at `path`, from the cache or the remote.

    Raises `DataError` where it names nothing there, neither has it, or what came is not what the name, its hash, says.
    """
    named = locked_out(content_at(commit, LOCK.as_posix()) or "", path)
    if named is None:
        raise DataError(f"{LOCK} of {commit[:12]} names no {path}")
    command = [sys.executable, "-m", "dvc", "get", ".", str(path), "--rev", commit, "--out", str(to)]
    ended = run(command, log=lambda line: None, environ=python_environ())
    if ended.code:
        raise DataError(
            f"{path} of {commit[:12]} is neither in the DVC cache nor in the remote: "
            f"{last_words(ended.lines).removeprefix('ERROR: ')}"
        )
    if md5_of(to) != named:
        raise DataError(f"{path} of {commit[:12]} came with another hash than {LOCK} names; it was altered")
