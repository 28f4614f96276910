"""GitHub: one comment on a pull request, written once and then kept up to date."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from mlflow_fraud.core.errors import FraudError, SettingsError

MARKER = "<!-- mlflow-fraud: retraining -->"  # not shown; tells our comment from others
LONGEST = 65_536  # GitHub's limit, in characters
PAGE = 100
SECONDS = 30

_REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


class PullRequest(NamedTuple):
    """Where to comment, and with which token; `api` is `https://api.github.com` or a company's own."""

    repository: str
    number: int
    token: str
    api: str = "https://api.github.com"


def keep_comment(text: str, on: PullRequest) -> str:
    """Make `text` our one comment on the pull request, in place of the one before; return its address.

    Safe to repeat. Raises `SettingsError` when GitHub refuses the token and `FraudError` when it cannot be reached.
    Source: GitHub's REST API, issue comments (a pull request is an issue there).
    """
    body = {"body": _cut(f"{MARKER}\n{text}")}
    issues = f"{on.api}/repos/{on.repository}/issues"
    ours = _find(f"{issues}/{on.number}/comments", on.token)
    if ours is None:
        written = _ask("POST", f"{issues}/{on.number}/comments", on.token, body)
    else:
        written = _ask("PATCH", f"{issues}/comments/{ours}", on.token, body)
    return str(written["html_url"])


def _find(comments: str, token: str) -> int | None:
    number = 0
    while True:
        number += 1
        page = _ask("GET", f"{comments}?per_page={PAGE}&page={number}", token)
        for comment in page:
            if str(comment["body"]).startswith(MARKER):
                return int(comment["id"])
        if len(page) < PAGE:
            return None


def _cut(text: str) -> str:
    told = "\n\n… cut here; the run's summary has all of it.\n"
    return text if len(text) <= LONGEST else text[: LONGEST - len(told)] + told


def _ask(method: str, url: str, token: str, body: dict[str, str] | None = None) -> Any:
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    data = json.dumps(body).encode() if body else None
    try:
        with urlopen(Request(url, data, headers, method=method), timeout=SECONDS) as answer:
            return json.loads(answer.read())
    except HTTPError as error:
        if error.code in _REFUSED:
            raise SettingsError(
                f"GitHub answers {error.code} to {method} {url}: FRAUD_GITHUB_TOKEN needs the permission "
                "`pull-requests: write` on this repository"
            ) from error
        raise FraudError(f"GitHub answers {error.code} to {method} {url}; try again") from error
    except (URLError, TimeoutError) as error:
        raise FraudError(f"GitHub is not reached at {url}: {error}; try again") from error
