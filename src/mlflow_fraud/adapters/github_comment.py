"""GitHub: one comment on a pull request, written once and then kept up to date."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from mlflow_fraud.adapters.github_api import API, ask
from mlflow_fraud.core.errors import SettingsError

MARKER = "<!-- mlflow-fraud: retraining -->"  # not shown; tells our comment from others
NOTICED = "<!-- mlflow-fraud: so much for the notice -->"
LONGEST = 65_536  # GitHub's limit, in characters
PAGE = 100
BOT = "github-actions[bot]"  # whose a workflow's own token is
WRITERS = ("OWNER", "MEMBER", "COLLABORATOR")


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
    body = _body(text)
    ours = _find(on)
    if ours is None:
        written = ask("POST", f"{_issues(on)}/{on.number}/comments", on.token, body)
    else:
        written = _change(ours, body, on)
    return str(written["html_url"])


def head_comment(notice: str, on: PullRequest) -> bool:
    """Let our comment begin with a notice, an earlier one gone, until the next text takes its place.

    Returns False where there is no comment of ours. Safe to repeat.
    """
    ours = _find(on)
    if ours is None:
        return False
    _change(ours, _body(headed(notice, str(ours["body"]).removeprefix(MARKER))), on)
    return True


def keep_without_notice(on: PullRequest) -> bool:
    """Take a notice off the top of our comment; return whether there was one. Safe to repeat."""
    ours = _find(on)
    if ours is None or not has_notice(str(ours["body"])):
        return False
    _change(ours, _body(without_notice(str(ours["body"]))), on)
    return True


def headed(notice: str, text: str) -> str:
    """Return a text that begins with a notice, in place of an earlier one.

    >>> without_notice(headed("two", headed("one", "text")))
    'text'
    """
    return f"{notice}\n{NOTICED}\n\n{without_notice(text)}"


def has_notice(text: str) -> bool:
    """Return whether a notice was put at the top of a text."""
    return NOTICED in text


def without_notice(text: str) -> str:
    """Return a text as it was before a notice was put at its top."""
    return text.rpartition(NOTICED)[2].lstrip()


def _issues(on: PullRequest) -> str:
    return f"{on.api}/repos/{on.repository}/issues"


def _find(on: PullRequest) -> Mapping[str, Any] | None:
    number = 0
    while True:
        number += 1
        page = ask("GET", f"{_issues(on)}/{on.number}/comments?per_page={PAGE}&page={number}", on.token)
        ours: list[Mapping[str, Any]] = [each for each in page if _is_ours(each, on)]
        if ours:
            return ours[0]
        if len(page) < PAGE:
            return None


def _is_ours(comment: Mapping[str, Any], on: PullRequest) -> bool:
    """Return whether a comment is the one that is kept: a stranger's that begins in the same way is left to them."""
    if not str(comment["body"]).startswith(MARKER):
        return False
    author = (comment["user"] or {}).get("login", "")  # nobody's where an account is gone
    return author == BOT or comment["author_association"] in WRITERS or (author != "" and author == _whose(on))


def _whose(on: PullRequest) -> str:
    """Return whose the token is, a person's alone: GitHub names no private member of an organisation a writer."""
    try:
        return str(ask("GET", f"{on.api}/user", on.token)["login"])
    except SettingsError:  # a workflow's token is no person's
        return ""


def _change(comment: Mapping[str, Any], body: Mapping[str, str], on: PullRequest) -> Mapping[str, Any]:
    changed: Mapping[str, Any] = ask("PATCH", f"{_issues(on)}/comments/{comment['id']}", on.token, body)
    return changed


def _body(text: str) -> Mapping[str, str]:
    return {"body": _cut(f"{MARKER}\n{text}")}


def _cut(text: str) -> str:
    told = "\n\n… cut here; the run's summary has all of it.\n"
    return text if len(text) <= LONGEST else text[: LONGEST - len(told)] + told
