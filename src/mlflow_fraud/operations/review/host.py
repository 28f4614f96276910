"""The repository, the run and the addresses that a workflow's variables name."""

from __future__ import annotations

import os

from mlflow_fraud.adapters.github_api import API
from mlflow_fraud.adapters.github_checks import started_at
from mlflow_fraud.adapters.github_request import Repository
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.environment import load_environment
from mlflow_fraud.wall import utc


def repository() -> Repository:
    """Return the repository that a workflow runs for; raise `SettingsError` where no variable names it."""
    token, name = load_environment().github_token.get_secret_value(), os.environ.get("GITHUB_REPOSITORY", "")
    if not token:
        raise SettingsError("FRAUD_GITHUB_TOKEN is not set; a workflow gives it `github.token`")
    if not name:
        raise SettingsError("GITHUB_REPOSITORY is not set; expected owner/name, as a workflow has it")
    return Repository(name, token, os.environ.get("GITHUB_API_URL") or API)


def address() -> str:
    """Return where the repository's pages are, empty outside a workflow."""
    server, name = os.environ.get("GITHUB_SERVER_URL", ""), os.environ.get("GITHUB_REPOSITORY", "")
    return f"{server}/{name}" if server and name else ""


def run_page() -> str:
    """Return the address of the run's page, empty outside a workflow."""
    run = os.environ.get("GITHUB_RUN_ID", "")
    return f"{address()}/actions/runs/{run}" if address() and run else ""


def minutes() -> float:
    """Return how long the run has taken so far, which is what it costs."""
    return (utc() - started_at(os.environ["GITHUB_RUN_ID"], repository())).total_seconds() / 60
