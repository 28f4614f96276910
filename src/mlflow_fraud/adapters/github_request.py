"""GitHub: one open pull request of a branch, opened once and then kept up to date."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

from mlflow_fraud.adapters.github_api import API, ask

TRIES, SECONDS = 6, 5
"""How often GitHub is asked whether a pull request merges, and how far apart: it finds out when it is first asked."""


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
    found = _asked(head, on, "state=open")
    return _read(found[0]) if found else None


class Closed(NamedTuple):
    """A pull request that somebody closed without merging it, and the commit that it was at."""

    number: int
    address: str
    commit: str


def closed_request(head: str, on: Repository) -> Closed | None:
    """Return the newest pull request of the branch `head` where that was closed without a merge, or None."""
    newest = _asked(head, on, "state=closed&sort=created&direction=desc&per_page=1")
    if not newest or newest[0]["merged_at"]:
        return None
    return Closed(*_read(newest[0]), str(newest[0]["head"]["sha"]))


class Named(NamedTuple):
    """A pull request by its number: its branch, whether that is of this repository, what it is into, if it is open."""

    branch: str
    is_own: bool
    base: str
    is_open: bool


def request_of(number: int, on: Repository) -> Named:
    """Return the pull request of this number. Source: GitHub's REST API, pulls."""
    told = ask("GET", f"{_pulls(on)}/{number}", on.token)
    head = told["head"]
    return Named(str(head["ref"]), _is_own(head, on), str(told["base"]["ref"]), told["state"] == "open")


class Candidate(NamedTuple):
    """An open pull request: its branch, whether that is of this repository and no fork's, its text, if it merges."""

    number: int
    branch: str
    is_own: bool
    text: str
    merges: bool


def open_into(base: str, on: Repository) -> Iterator[Candidate]:
    """Yield each open pull request into `base`, of more than a hundred the newest. Source: GitHub's REST API, pulls."""
    found = ask("GET", f"{_pulls(on)}?state=open&base={quote(base)}&per_page=100", on.token)
    known = [_mergeable(each["number"], on) for each in found]  # asked once, it finds out of all meanwhile
    for each, merges in zip(found, known, strict=True):
        number, head = int(each["number"]), each["head"]
        text = str(each["body"] or "")
        yield Candidate(number, str(head["ref"]), _is_own(head, on), text, _merges(number, merges, on))


def write_text(number: int, text: str, on: Repository) -> None:
    """Let a pull request have this text. Source: GitHub's REST API, pulls."""
    ask("PATCH", f"{_pulls(on)}/{number}", on.token, {"body": text})


def _merges(number: int, known: bool | None, on: Repository) -> bool:
    """Return whether GitHub can merge it; one of which it does not find out in time is taken for one that does."""
    for _ in range(TRIES - 1):
        if known is not None:
            break
        time.sleep(SECONDS)
        known = _mergeable(number, on)
    return known is not False


def _mergeable(number: int, on: Repository) -> bool | None:
    found: bool | None = ask("GET", f"{_pulls(on)}/{number}", on.token)["mergeable"]
    return found


def _is_own(head: Any, on: Repository) -> bool:
    return bool((head["repo"] or {}).get("full_name") == on.name)  # it is nobody's where a fork is gone


def keep_request(title: str, text: str, *, head: str, base: str, on: Repository) -> Request:
    """Let one pull request from `head` to `base` be open with this title and text; return it. Safe to repeat."""
    there = open_request(head, on)
    body = {"title": title, "body": text, "base": base}
    if there is None:
        return _read(ask("POST", _pulls(on), on.token, {**body, "head": head}))
    return _read(ask("PATCH", f"{_pulls(on)}/{there.number}", on.token, body))


def _asked(head: str, on: Repository, which: str) -> Any:
    owner = on.name.partition("/")[0]
    return ask("GET", f"{_pulls(on)}?{which}&head={quote(f'{owner}:{head}')}", on.token)


def _pulls(on: Repository) -> str:
    return f"{on.api}/repos/{on.name}/pulls"


def _read(told: Any) -> Request:
    return Request(int(told["number"]), str(told["html_url"]))
