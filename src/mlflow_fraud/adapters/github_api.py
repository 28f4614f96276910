"""GitHub's REST API: one question, asked with a token and answered in JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from mlflow_fraud.core.errors import FraudError, SettingsError

API = "https://api.github.com"
SECONDS = 30
LONGEST = 200
"""Characters of GitHub's own words in a message."""

PAUSES = (1.0, 4.0)
"""So many seconds pass before what only reads is asked again."""

_REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


class NotNow(FraudError):
    """GitHub cannot answer now, or is not reached."""


def ask(
    method: str, url: str, token: str, body: Mapping[str, Any] | None = None, needs: str = "pull-requests: write"
) -> Any:
    """Return the answer's document, None where it has none; `needs` is the permission that a token has to have.

    What only reads is asked again where GitHub cannot answer now. Raises `SettingsError` when GitHub refuses the token,
    in its own words, and `FraudError` when it cannot be reached.
    """
    for pause in PAUSES if method == "GET" else ():
        try:
            return _ask_once(method, url, token, body, needs)
        except NotNow:
            time.sleep(pause)
    return _ask_once(method, url, token, body, needs)


def _ask_once(method: str, url: str, token: str, body: Mapping[str, Any] | None, needs: str) -> Any:
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    data = json.dumps(body).encode() if body else None
    try:
        with urlopen(Request(url, data, headers, method=method), timeout=SECONDS) as answer:
            content = answer.read()
            return json.loads(content) if content else None
    except HTTPError as error:
        if error.code in _REFUSED:
            raise SettingsError(
                f"GitHub answers {error.code} to {method} {url}{_said(error)}: FRAUD_GITHUB_TOKEN needs the permission "
                f"`{needs}` on this repository"
            ) from error
        kind = NotNow if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR else FraudError
        raise kind(f"GitHub answers {error.code} to {method} {url}{_said(error)}; try again") from error
    except (URLError, TimeoutError) as error:
        raise NotNow(f"GitHub is not reached at {url}: {error}; try again") from error


def _said(error: HTTPError) -> str:
    """Return in brackets why GitHub refuses, as far as it says: a setting may be in the way, and not the token."""
    try:
        why = json.loads(error.read())["message"]
    except (OSError, HTTPException, ValueError, KeyError, TypeError):  # as when it breaks off, or is no JSON
        return ""
    return f" ({' '.join(str(why).split())[:LONGEST]})"
