"""The scoring service, which asks for a key."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from mlflow_fraud.adapters.key_file import KeyFile
from mlflow_fraud.paths import STACK
from mlflow_fraud.wall import utc
from stack import process
from stack.answers import answers
from stack.place import folder_of, private

KEY = STACK / "service.key"
KEYS = STACK / "service/api-keys.json"
NAME = "stack"
"""Whose key it is."""

SCOPES = ("admin", "label", "score")


def start(port: int, environ: Mapping[str, str]) -> str:
    """Start it and return its address; its key is in a file that its owner alone may read."""
    url = f"http://127.0.0.1:{port}"
    folder_of("service")
    if not (KEY.is_file() and KEYS.is_file()):
        private(KEY, KeyFile(KEYS).add(NAME, SCOPES, utc().replace(microsecond=0), None))
    command = [Path(sys.executable).with_name("mlflow-fraud"), "serve", "--port", port]
    told = {**environ, "FRAUD_API_KEYS": str(KEYS.resolve())}
    process.start("service", command, told, lambda: answers(f"{url}/livez"))
    return url


def key() -> str:
    """Return the key that the service asks for."""
    return KEY.read_text().strip()
