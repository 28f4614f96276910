"""Servers that tests start on this machine: waiting until they answer, and letting small ones answer for a while."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import HTTPServer
from threading import Thread

import pytest

END_SECONDS = 0.02
"""So often a server looks whether it is to end; by itself twice a second, which each test would wait for."""


@contextmanager
def answering(server: HTTPServer) -> Iterator[str]:
    """Let a server answer until the block ends; give its address."""
    thread = Thread(target=server.serve_forever, args=(END_SECONDS,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


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
