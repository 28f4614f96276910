"""A local HTTP server that keeps pull requests, comments, checks and statuses as GitHub's REST API does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.loopback import answering

COMMENTS = re.compile(r"/repos/bank/fraud/issues/(\d+)/comments")
COMMENT = re.compile(r"/repos/bank/fraud/issues/comments/(\d+)")
PULLS = "/repos/bank/fraud/pulls"
PULL = re.compile(rf"{PULLS}/(\d+)")
CHECKS = "/repos/bank/fraud/check-runs"
STATUS = re.compile(r"/repos/bank/fraud/statuses/([0-9a-f]{40})")
STATUSES = re.compile(r"/repos/bank/fraud/commits/([0-9a-f]{40})/status")
START = re.compile(r"/repos/bank/fraud/actions/workflows/([\w.]+)/dispatches")
RUN = re.compile(r"/repos/bank/fraud/actions/runs/(\d+)")


class GitHubServer:
    """What the repository `bank/fraud` has beside its commits, in memory; what GitHub refuses is refused."""

    token = "a-token-of-the-test"

    def __init__(self) -> None:
        self.url = ""
        self._comments: list[dict[str, Any]] = []
        self.pulls: list[dict[str, Any]] = []
        self.workflows_open_pulls = True
        self.whose = ""
        """Whose the token is: a person's name, or empty for a workflow's."""
        self.merges: Callable[[str], bool | None] = lambda branch: True
        self.commit_of: Callable[[str], str] = lambda branch: ""
        self.knows: Callable[[str], bool] = lambda commit: True
        self.checks: list[dict[str, Any]] = []
        self.statuses: list[dict[str, Any]] = []
        self.started: list[tuple[str, str]] = []

    def write(
        self, pull_request: int, body: str, *, by: str = "github-actions[bot]", association: str = "NONE"
    ) -> dict[str, Any]:
        """Let a comment be there, of the workflows' bot if nobody else is said to have written it."""
        number = len(self._comments) + 1
        address = f"https://github.example/bank/fraud/pull/{pull_request}#issuecomment-{number}"
        written = {"user": {"login": by} if by else None, "author_association": association}
        self._comments.append({"id": number, "on": pull_request, "body": body, "html_url": address, **written})
        return self._comments[-1]

    def bodies(self, pull_request: int) -> list[str]:
        return [comment["body"] for comment in self._comments if comment["on"] == pull_request]

    def open(self, head: str, number: int = 0, **told: str) -> dict[str, Any]:
        """Let a pull request be open, of the next number if none is given."""
        number = number or len(self.pulls) + 1
        address = f"https://github.example/bank/fraud/pull/{number}"
        opened = {"number": number, "html_url": address, "state": "open", "merged_at": None}
        self.pulls.append({"base": "main", "body": None, "of": "bank/fraud", **told, "head": head, **opened})
        return self.pulls[-1]

    def close(self, number: int, *, merged: bool = False) -> None:
        """Do what a person does at the page of a pull request."""
        pull = next(each for each in self.pulls if each["number"] == number)
        pull |= {"state": "closed", "merged_at": "2026-01-05T12:00:00Z" if merged else None}

    def _listed(self, pull: dict[str, Any]) -> dict[str, Any]:
        """Return a pull request as a list has it: nothing in it says whether it merges."""
        head = {"ref": pull["head"], "sha": self.commit_of(pull["head"]), "repo": {"full_name": pull["of"]}}
        return pull | {"head": head}

    def answer(self, method: str, target: str, told: dict[str, Any]) -> tuple[int, Any]:
        parts = urlsplit(target)
        on, one = COMMENTS.fullmatch(parts.path), COMMENT.fullmatch(parts.path)
        if method == "GET" and on:
            query = parse_qs(parts.query)
            size, page = int(query.get("per_page", ["30"])[0]), int(query.get("page", ["1"])[0])
            found = [comment for comment in self._comments if comment["on"] == int(on[1])]
            return 200, found[(page - 1) * size : page * size]
        if (on or one) and len(told.get("body", "")) > 65_536:
            return 422, {"message": "Validation Failed", "errors": [{"message": "Body is too long"}]}
        if method == "POST" and on:
            return 201, self.write(int(on[1]), told["body"])
        if method == "PATCH" and one and int(one[1]) <= len(self._comments):
            self._comments[int(one[1]) - 1]["body"] = told["body"]
            return 200, self._comments[int(one[1]) - 1]
        if parts.path.startswith(PULLS):
            return self._answer_on_pulls(method, parts.path, parse_qs(parts.query), told)
        return self._answer_on_commits(method, parts.path, told)

    def _answer_on_commits(self, method: str, path: str, told: dict[str, Any]) -> tuple[int, Any]:
        status, start = STATUS.fullmatch(path), START.fullmatch(path)
        if method == "GET" and path == "/user":
            return (200, {"login": self.whose}) if self.whose else (403, {"message": "Resource not accessible"})
        if method == "GET" and (asked := STATUSES.fullmatch(urlsplit(path).path)):
            return 200, {"statuses": [each for each in self.statuses if each["sha"] == asked[1]]}
        if method == "GET" and RUN.fullmatch(path):
            return 200, {"run_started_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}
        if method == "POST" and start and set(told) == {"ref"}:
            self.started.append((start[1], told["ref"]))
            return 204, None
        if method == "POST" and path == CHECKS:
            ends = {"success", "failure", "neutral", "cancelled", "skipped", "timed_out", "action_required"}
            whole = told.keys() == {"name", "head_sha", "status", "conclusion", "output"}
            if not whole or told["conclusion"] not in ends or not {"title", "summary"} <= told["output"].keys():
                return 422, {"message": "Invalid request"}
            if not self.knows(told["head_sha"]):
                return 422, {"message": f"No commit found for SHA: {told['head_sha']}"}
            self.checks.append(told)
            return 201, told
        if method == "POST" and status:
            if told.get("state") not in {"error", "failure", "pending", "success"} or not self.knows(status[1]):
                return 422, {"message": "Validation Failed"}
            if len(told.get("description", "")) > 140:
                return 422, {"message": "description is too long (maximum is 140 characters)"}
            self.statuses.append({**told, "sha": status[1]})
            return 201, self.statuses[-1]
        return 404, {"message": "Not Found"}

    def _answer_on_pulls(
        self, method: str, path: str, query: dict[str, list[str]], told: dict[str, Any]
    ) -> tuple[int, Any]:
        one = PULL.fullmatch(path)
        pull = next((each for each in self.pulls if one and each["number"] == int(one[1])), None)
        if method == "GET" and path == PULLS:
            asked = {name: values[0] for name, values in query.items() if name in {"state", "head", "base"}}
            found = [each for each in self.pulls if asked.items() <= (each | {"head": f"bank:{each['head']}"}).items()]
            return 200, [self._listed(each) for each in reversed(found)]
        if method == "GET" and pull:
            return 200, self._listed(pull) | {"base": {"ref": pull["base"]}, "mergeable": self.merges(pull["head"])}
        if method == "POST" and path == PULLS and not self.workflows_open_pulls:
            return 403, {"message": "GitHub Actions is not permitted to create or approve pull requests."}
        if method == "POST" and path == PULLS:
            if any((each["state"], each["head"]) == ("open", told["head"]) for each in self.pulls):
                return 422, {"message": "Validation Failed"}
            return 201, self.open(told["head"], **{name: told[name] for name in told if name != "head"})
        if method == "PATCH" and pull:
            pull |= told
            return 200, pull
        return 404, {"message": "Not Found"}


@pytest.fixture
def github_server() -> Iterator[GitHubServer]:
    """The server, on a free loopback port."""
    with running_github() as github:
        yield github


@contextmanager
def running_github() -> Iterator[GitHubServer]:
    """Start a server, stop it at the end."""
    github = GitHubServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "{}")
            allowed = self.headers["Authorization"] == f"Bearer {github.token}"
            status, content = github.answer(self.command, self.path, told) if allowed else (401, {})
            body = b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PATCH = do_GET

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with answering(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as github.url:
        yield github
