"""What a process's environment needs before it begins to work."""

from __future__ import annotations

import os
import sys

from mlflow_fraud.adapters.certificates import require_certificates
from mlflow_fraud.adapters.proxies import spare_loopback


def prepare_environment() -> None:
    """Make this process's environment fit for a run: no proxy stands before this machine's own servers.

    Raises `SettingsError` where it names certificates that are not there.
    """
    require_certificates(os.environ)
    for line in spare_loopback(os.environ):
        tell(line)


def tell(line: str) -> None:
    """Say a line beside what a command prints."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
