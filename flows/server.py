"""The Prefect server that a run talks to, looked at before the run begins."""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
import time
from http import HTTPStatus
from pathlib import Path

import httpx
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import get_current_settings, load_profiles

from flows.database import require_database
from mlflow_fraud.adapters.proxies import given_proxies
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.stages.before import prepare_environment

SERVER_GONE = (httpx.TransportError, PrefectHTTPStatusError)
"""What a run meets when the server goes away, or refuses it, in the middle."""
SECONDS = 10
START_SECONDS = 120
GOES_ON = "the next run goes on from here"
GONE = f"its temporary server is gone; {GOES_ON}"
HOME = "is .prefect in this folder whole? Moved away, it is made anew"
WAYS_OUT = "start it (docs/worker.md), or unset PREFECT_API_URL to run without a server"


def require_server() -> None:
    """Raise `SettingsError` where Prefect could not run a flow: no server answers, or ours would have no place."""
    _require_profile(os.environ.get("PREFECT_PROFILE", ""))
    _require_clients()
    settings = get_current_settings()
    url = settings.api.url
    if url:
        _require_answer(url.rstrip("/"))
    elif not settings.server.ephemeral.enabled:
        raise SettingsError(
            "no Prefect server is named and a temporary one is forbidden: set PREFECT_API_URL, or unset "
            "PREFECT_SERVER_EPHEMERAL_ENABLED"
        )
    else:
        require_database()
        _require_home(Path(settings.home))


def wait_for_server(url: str, seconds: float = START_SECONDS) -> None:
    """Return when the server at `url` answers; raise `SettingsError` when it does not in time, or is something else."""
    until = time.monotonic() + seconds
    while True:
        try:
            return _require_answer(url.rstrip("/"))
        except NoAnswer:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


class NoAnswer(SettingsError):
    """Nobody listens at the address, or not yet."""


def one_sentence(error: BaseException) -> str:
    """Return what stopped Prefect itself, and which of its variables may be at fault."""
    said = " ".join(str(error).split()) or type(error).__name__
    named = [name for name in sorted(os.environ) if name.startswith("PREFECT_") and "KEY" not in name]
    own = GONE if isinstance(error, httpx.TransportError) else HOME
    look = f"look at {', '.join(named)}" if named else own
    return f"Prefect stopped the run: {said[:300]}; {look}"


def _require_profile(name: str) -> None:
    if name and name not in (known := load_profiles().names):
        raise SettingsError(
            f"PREFECT_PROFILE names {name}, and Prefect has no such profile here ({', '.join(sorted(known))}); unset it"
        )


def _require_clients() -> None:
    """Raise `SettingsError` where a proxy's address is none: every client would stop at it, whoever it is to ask."""
    try:
        httpx.Client().close()
    except (httpx.InvalidURL, ValueError, ImportError) as error:
        given = given_proxies(os.environ)
        wrong = [name for name, address in given.items() if not _is_proxy(address)]
        named = " and ".join(wrong) if wrong else f"one of {', '.join([*given, 'NO_PROXY'])}"
        raise SettingsError(
            f"{named} is no address of a proxy, expected http://host:port; correct it or unset it"
        ) from error


def _is_proxy(address: str) -> bool:
    try:
        httpx.Client(proxy=address if "://" in address else f"http://{address}", trust_env=False).close()
    except (httpx.InvalidURL, ValueError, ImportError):
        return False
    return True


def _require_answer(url: str) -> None:
    named = f"PREFECT_API_URL is {_shown(url)}"
    api = get_current_settings().api
    try:
        answer = httpx.get(f"{url}/health", timeout=SECONDS, verify=not api.tls_insecure_skip_verify)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise SettingsError(f"{named}, expected http://host:port/api ({error}); {WAYS_OUT}") from error
    except (httpx.HTTPError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise NoAnswer(f"{named}, and no Prefect server answers there ({reason}); {WAYS_OUT}") from error
    if answer.status_code != HTTPStatus.OK or answer.text.strip() != "true":
        raise SettingsError(
            f"{named}, and what answers there is no Prefect server (HTTP {answer.status_code}): its address ends in "
            f"/api; {WAYS_OUT}"
        )


def _require_home(home: Path) -> None:
    """Look whether a temporary server can keep its history: it would be waited for in vain for 90 seconds."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        raise SettingsError(
            f"Prefect cannot write into {home} ({error.strerror or error}); let PREFECT_HOME name a folder that it may "
            "write to"
        ) from error
    database = home / "prefect.db"
    if not database.exists():
        return
    try:
        with sqlite3.connect(database) as connection:
            connection.execute("select count(*) from sqlite_master").fetchone()
        connection.close()
    except sqlite3.Error as error:
        raise SettingsError(
            f"{database}, where Prefect keeps its history, cannot be read ({error}); move it away, a new one is made"
        ) from error


def _shown(url: str) -> str:
    """Return an address without the name and password that may be in it."""
    scheme, separator, rest = url.partition("://")
    return scheme + separator + rest.rpartition("@")[2]


def main() -> None:
    """Wait until the server that PREFECT_API_URL names answers, for a script that has just started it."""
    prepare_environment()
    url = get_current_settings().api.url
    if not url:
        sys.exit("error: PREFECT_API_URL is not set, so there is no server to wait for")
    try:
        wait_for_server(url)
    except SettingsError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
