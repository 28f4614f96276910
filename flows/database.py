"""The database that a temporary Prefect server would keep its history in, where it is not the file in its home."""

from __future__ import annotations

import os
import socket

from prefect.settings import get_current_settings
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from mlflow_fraud.core.errors import SettingsError

SECONDS = 2
PORT = 5432
DRIVERS = ("postgresql+asyncpg", "sqlite+aiosqlite")
PREFIXES = ("PREFECT_SERVER_DATABASE_", "PREFECT_API_DATABASE_")
WAYS_OUT = "start it, or unset {} to keep the history in a file here"


def require_database() -> None:
    """Raise `SettingsError` where nothing listens at the database: Prefect would wait for minutes and print pages."""
    database = get_current_settings().server.database
    if database.connection_url is not None:
        named = _named("CONNECTION_URL")
        url = _url(named, database.connection_url.get_secret_value())
        if url.drivername.startswith("sqlite"):
            return
        host, port = url.host, url.port
    elif database.driver == "postgresql+asyncpg":
        named = _named("HOST")
        host, port = database.host, database.port
    else:
        return
    if host:  # without one it is a socket of this machine
        _require_listener(named, host, port or PORT)


def _url(named: str, text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise SettingsError(f"{named} is no address of a database; expected {_expected()}, or unset it") from error
    if url.drivername not in DRIVERS:
        raise SettingsError(f"{named} begins with {url.drivername}; expected {_expected()}, or unset it")
    return url


def _expected() -> str:
    return "postgresql+asyncpg://<user>:<password>@<host>/<database> or sqlite+aiosqlite:///<file>"


def _require_listener(named: str, host: str, port: int) -> None:
    try:
        socket.create_connection((host, port), timeout=SECONDS).close()
    except OSError as error:
        raise SettingsError(
            f"{named} names a database at {host}:{port}, and nothing listens there ({error.strerror or error}); "
            + WAYS_OUT.format(named)
        ) from error


def _named(setting: str) -> str:
    """Return the variable that gives the setting, the one that Prefect itself would take first."""
    names = [prefix + setting for prefix in PREFIXES]
    return next((name for name in names if os.environ.get(name)), names[0])
