"""What a person or a flow needs of this folder and machine, looked at first, so that nothing ends half-way."""

from __future__ import annotations

import functools
import socket
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from mlflow_fraud.adapters import dvc_project, git_repo
from mlflow_fraud.adapters.run_lock import one_at_a_time
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.environment import load_environment
from mlflow_fraud.stages.before import tell

P = ParamSpec("P")
R = TypeVar("R")


def require_no_conflict() -> None:
    """Raise `SettingsError` where a file that commands read here has the marks of a merge conflict."""
    dvc_project.require_no_marks()


def require_workplace(*, commit: bool = False) -> None:
    """Raise `SettingsError` where git or DVC could not work here, or a `commit` is needed and none is checked out."""
    git_repo.require_repository()
    if commit:
        git_repo.require_head()
    dvc_project.require_project()


def findable(path: Path) -> Path:
    """Return a path for a message on which a person acts: whole in a worker's clone, where the person is not."""
    clone = load_environment().clone
    return path.absolute() if clone and Path(clone).resolve() == Path.cwd().resolve() else path


def here() -> str:
    """Return how a message calls this folder: `here`, or where the worker's clone is.

    >>> here()
    'here'
    """
    folder = findable(Path())
    return f"in {folder}" if folder.is_absolute() else "here"


def require_free_port(host: str, port: int) -> None:
    """Raise `SettingsError` where a service could not listen at `host` and `port`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"cannot listen on port {port} of {host} ({error.strerror or error}); stop what does, or give another "
                "with --port"
            ) from error


def changes_the_folder(command: Callable[P, R]) -> Callable[P, R]:
    """Let a command look around first, and wait while another one is at work in this folder."""

    @functools.wraps(command)
    def alone(*args: P.args, **kwargs: P.kwargs) -> R:
        require_workplace()
        with one_at_a_time(tell=tell):
            return command(*args, **kwargs)

    return alone
