"""Git: which code made this."""

from __future__ import annotations

import subprocess


def head() -> str:
    """Return the commit checked out, or `unknown` outside a repository."""
    command = ["git", "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
