"""Servers that tests start on this machine: ports for them, and waiting until they answer."""

from __future__ import annotations

import socket
import time
import urllib.request
from contextlib import ExitStack

import pytest


def free_ports(number: int) -> list[int]:
    """Return ports that nobody listens on, all different."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def wait_for(url: str, seconds: float = 120) -> None:
    """Return when `url` answers 200; fail after `seconds`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"no answer from {url} in {seconds:.0f} s")
