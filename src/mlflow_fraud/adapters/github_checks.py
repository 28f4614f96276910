"""GitHub: what a commit is told: a check with a page, a status, and that a workflow is to run on its branch."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

from mlflow_fraud.adapters.github_api import ask
from mlflow_fraud.adapters.github_request import Repository

Conclusion = Literal["success", "failure", "neutral"]
State = Literal["success", "failure"]


class Check(NamedTuple):
    """A check of a commit: its name, how it ended, one line and a page in Markdown."""

    name: str
    conclusion: Conclusion
    title: str
    summary: str


LONGEST = 65_535
"""GitHub's limit of a check's summary, in characters."""


def tell_check(check: Check, commit: str, on: Repository) -> None:
    """Let the commit have this check, the newest of its name counts. Source: GitHub's REST API, check runs."""
    output = {"title": check.title, "summary": check.summary[:LONGEST]}
    body = {"name": check.name, "head_sha": commit, "status": "completed", "conclusion": check.conclusion}
    ask("POST", f"{_at(on)}/check-runs", on.token, {**body, "output": output}, needs="checks: write")


def tell_status(name: str, state: State, said: str, commit: str, on: Repository) -> None:
    """Let the commit have this status, `said` cut to 140 characters. Source: GitHub's REST API, commit statuses."""
    body = {"context": name, "state": state, "description": said[:140]}
    ask("POST", f"{_at(on)}/statuses/{commit}", on.token, body, needs="statuses: write")


def has_status(name: str, commit: str, on: Repository) -> bool:
    """Return whether the commit was told a status of this name. Source: GitHub's REST API, commit statuses."""
    told = ask("GET", f"{_at(on)}/commits/{commit}/status?per_page=100", on.token, needs="statuses: read")
    return any(each["context"] == name for each in told["statuses"])


def start_workflow(file: str, branch: str, on: Repository) -> None:
    """Let a workflow that may be started by hand run on a branch. Source: GitHub's REST API, workflow dispatches."""
    ask("POST", f"{_at(on)}/actions/workflows/{file}/dispatches", on.token, {"ref": branch}, needs="actions: write")


def started_at(run: str, on: Repository) -> datetime:
    """Return when a workflow's run began. Source: GitHub's REST API, workflow runs."""
    told = ask("GET", f"{_at(on)}/actions/runs/{run}", on.token, needs="actions: read")
    return datetime.fromisoformat(str(told["run_started_at"]))


def _at(on: Repository) -> str:
    return f"{on.api}/repos/{on.name}"
