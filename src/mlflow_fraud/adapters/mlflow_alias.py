"""An alias of MLflow's registry moved without MLflow, whose import alone takes longer than a rollback may.

One request to a server (MLflow's REST API, set registered model alias), or one statement to its SQLite file. Both move
an alias that promotions have made; where it cannot be done so, MLflow itself does it later.
"""

from __future__ import annotations

import json
import os
import sqlite3
from base64 import b64encode
from contextlib import closing
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import Request, urlopen

from mlflow_fraud.adapters.mlflow_errors import shown
from mlflow_fraud.core.errors import TrackingFailed

SQLITE = "sqlite:///"
SECONDS = 5
"""How long the server or the file's lock is waited for: what is live is live already."""

PATH = "/api/2.0/mlflow/registered-models/alias"


def move_alias(uri: str, model: str, alias: str, version: str) -> None:
    """Let `alias` of the registered `model` name `version`; naming it again changes nothing.

    Raises `TrackingFailed` where only MLflow itself can do it, or nobody can now.
    """
    try:
        if uri.startswith(SQLITE):
            _in_file(Path(uri.removeprefix(SQLITE)), model, alias, version)
        elif uri.startswith(("http:", "https:")):
            _on_server(uri, {"name": model, "alias": alias, "version": version})
        else:
            raise TrackingFailed(f"MLflow at {shown(uri)} is reached by MLflow itself alone")
    except HTTPError as error:
        raise TrackingFailed(f"MLflow at {shown(uri)} answers {error.code}") from error
    except (OSError, HTTPException, ValueError, sqlite3.Error) as error:
        raise TrackingFailed(f"MLflow at {shown(uri)} cannot be used now: {shown(str(error))}") from error


def _in_file(database: Path, model: str, alias: str, version: str) -> None:
    if not database.is_file():
        raise TrackingFailed(f"{database} is not there")
    with closing(sqlite3.connect(database, timeout=SECONDS)) as connection, connection:
        moved = connection.execute(
            "update registered_model_aliases set version = :version where name = :model and alias = :alias "
            "and exists (select 1 from model_versions where name = :model and version = :version)",
            {"version": int(version), "model": model, "alias": alias},
        ).rowcount
    if moved != 1:
        raise TrackingFailed(f"{database} has no version {version} of {model} and alias {alias}")


def _on_server(uri: str, told: dict[str, str]) -> None:
    parts = urlsplit(uri)
    host = parts.netloc.rpartition("@")[2]
    address = urlunsplit((parts.scheme, host, parts.path.rstrip("/") + PATH, "", ""))
    headers = {"Content-Type": "application/json", **_who(parts.username, parts.password)}
    with urlopen(Request(address, json.dumps(told).encode(), headers, method="POST"), timeout=SECONDS) as answer:
        json.loads(answer.read())


def _who(user: str | None, password: str | None) -> dict[str, str]:
    """Return the header that says who asks: by the address, or by MLflow's own variables."""
    name = unquote(user) if user else os.environ.get("MLFLOW_TRACKING_USERNAME", "")
    secret = unquote(password or "") if user else os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
    token = os.environ.get("MLFLOW_TRACKING_TOKEN", "")
    if name:
        return {"Authorization": f"Basic {b64encode(f'{name}:{secret}'.encode()).decode()}"}
    return {"Authorization": f"Bearer {token}"} if token else {}
