"""The one pull request that a worker keeps open, where a merge is to decide what goes live."""

from __future__ import annotations

import os
import re

from mlflow_fraud.adapters import git_branch
from mlflow_fraud.adapters.github_api import API
from mlflow_fraud.adapters.github_request import Closed, Repository, closed_request, keep_request, open_request
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.environment import load_environment


def work_branch(base: str = "") -> str:
    """Return the branch that the pull request into `base` is of: a run's own, which may be written over.

    >>> work_branch("release")
    'retraining-release'
    """
    return f"retraining-{base or load_environment().branch}"


def require_request() -> None:
    """Raise `SettingsError` where no pull request could be opened."""
    _repository()


def open_for(branch: str) -> bool:
    """Return whether a pull request of the branch is open."""
    return open_request(branch, _repository()) is not None


def closed_for(branch: str) -> Closed | None:
    """Return the newest pull request of the branch where a person closed it; None where one is open."""
    return None if open_for(branch) else closed_request(branch, _repository())


def ask_for_merge(title: str, text: str) -> str:
    """Let one pull request be open with this title and text; return its address."""
    base = load_environment().branch
    return keep_request(title, text, head=work_branch(), base=base, on=_repository()).address


def _repository() -> Repository:
    """Return the repository on GitHub, by its variables or else by the remote's address."""
    token = load_environment().github_token.get_secret_value() or os.environ.get("GITHUB_TOKEN", "")
    if not token:
        raise SettingsError(
            "FRAUD_PUBLISH is pull-request, and neither FRAUD_GITHUB_TOKEN nor GITHUB_TOKEN is set; it needs the "
            "permission `pull-requests: write`"
        )
    name = os.environ.get("GITHUB_REPOSITORY") or _name_in(git_branch.address())
    if not name:
        raise SettingsError(
            "FRAUD_PUBLISH is pull-request, and the git remote's address does not end in owner/name; set "
            "GITHUB_REPOSITORY=owner/name"
        )
    return Repository(name, token, os.environ.get("GITHUB_API_URL") or API)


def _name_in(address: str) -> str:
    """Return owner and name out of a remote's address, empty where it has none.

    >>> [_name_in(each) for each in ("git@github.com:bank/fraud.git", "https://github.com/bank/fraud", "/srv/x.git")]
    ['bank/fraud', 'bank/fraud', '']
    """
    found = re.search(r"(?:://[^/]+/|:)([\w.-]+/[\w.-]+?)(?:\.git)?/?$", address)
    return found[1] if found else ""
