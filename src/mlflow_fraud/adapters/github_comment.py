"""GitHub: one comment on a pull request, written once and then kept up to date."""

from __future__ import annotations

from typing import NamedTuple

from mlflow_fraud.adapters.github_api import API, ask

MARKER = "<!-- mlflow-fraud: retraining -->"  # not shown; tells our comment from others
LONGEST = 65_536  # GitHub's limit, in characters
PAGE = 100


class PullRequest(NamedTuple):
    """Where to comment, and with which token; `api` is `https://api.github.com` or a company's own."""

    repository: str
    number: int
    token: str
    api: str = API


def keep_comment(text: str, on: PullRequest) -> str:
    """Make `text` our one comment on the pull request, in place of the one before; return its address.

    Safe to repeat. Raises `SettingsError` when GitHub refuses the token and `FraudError` when it cannot be reached.
    Source: GitHub's REST API, issue comments (a pull request is an issue there).
    """
    body = {"body": _cut(f"{MARKER}\n{text}")}
    issues = f"{on.api}/repos/{on.repository}/issues"
    ours = _find(f"{issues}/{on.number}/comments", on.token)
    if ours is None:
        written = ask("POST", f"{issues}/{on.number}/comments", on.token, body)
    else:
        written = ask("PATCH", f"{issues}/comments/{ours}", on.token, body)
    return str(written["html_url"])


def _find(comments: str, token: str) -> int | None:
    number = 0
    while True:
        number += 1
        page = ask("GET", f"{comments}?per_page={PAGE}&page={number}", token)
        for comment in page:
            if str(comment["body"]).startswith(MARKER):
                return int(comment["id"])
        if len(page) < PAGE:
            return None


def _cut(text: str) -> str:
    told = "\n\n… cut here; the run's summary has all of it.\n"
    return text if len(text) <= LONGEST else text[: LONGEST - len(told)] + told
