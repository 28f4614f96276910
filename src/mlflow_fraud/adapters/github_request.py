"""GitHub: one open pull request of a branch, opened once and then kept up to date."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import quote

from mlflow_fraud.adapters.github_api import API, ask


class Repository(NamedTuple):
    """Where to open the pull request, `owner/name`, and with which token."""

    name: str
    token: str
    api: str = API


class Request(NamedTuple):
    """An open pull request."""

    number: int
    address: str


def open_request(head: str, on: Repository) -> Request | None:
    """Return the open pull request of the branch `head`, or None. Source: GitHub's REST API, pulls."""
    owner = on.name.partition("/")[0]
    found = ask("GET", f"{_pulls(on)}?state=open&head={quote(f'{owner}:{head}')}", on.token)
    return _read(found[0]) if found else None


def keep_request(title: str, text: str, *, head: str, base: str, on: Repository) -> Request:
    """Let one pull request from `head` to `base` be open with this title and text; return it. Safe to repeat."""
    there = open_request(head, on)
    body = {"title": title, "body": text, "base": base}
    if there is None:
        return _read(ask("POST", _pulls(on), on.token, {**body, "head": head}))
    return _read(ask("PATCH", f"{_pulls(on)}/{there.number}", on.token, body))


def _pulls(on: Repository) -> str:
    return f"{on.api}/repos/{on.name}/pulls"


def _read(told: Any) -> Request:
    return Request(int(told["number"]), str(told["html_url"]))
