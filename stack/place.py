"""Where the stack keeps what it needs: its folder, passwords that are made once, ports that are free."""

from __future__ import annotations

import json
import os
import secrets
import socket
from contextlib import ExitStack
from pathlib import Path

from mlflow_fraud.adapters.files import write_text
from mlflow_fraud.paths import STACK

PASSWORDS = STACK / "passwords.json"


def folder_of(part: str) -> Path:
    """Return the folder of a part, made for its owner alone."""
    STACK.mkdir(parents=True, exist_ok=True)
    STACK.chmod(0o700)
    folder = STACK / part
    folder.mkdir(exist_ok=True)
    return folder.resolve()


def password(whose: str) -> str:
    """Return a password that nobody chose: 256 random bits, the same from its first use on."""
    known: dict[str, str] = json.loads(PASSWORDS.read_text()) if PASSWORDS.is_file() else {}
    if whose not in known:
        known[whose] = secrets.token_urlsafe(32)
        private(PASSWORDS, json.dumps(known, indent=1))
    return known[whose]


def private(file: Path, text: str) -> None:
    """Write a file that its owner alone may read."""
    file.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    file.chmod(0o600)
    write_text(file, text)
    file.chmod(0o600)


def free_ports(number: int) -> list[int]:
    """Return ports of the loopback that nobody listens on, all different."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
