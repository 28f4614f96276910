"""Servers that tests start on this machine: waiting until they answer."""

from __future__ import annotations

import time
import urllib.request

import pytest


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
