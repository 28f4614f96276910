"""Git: which code made this."""

from __future__ import annotations

import subprocess
from pathlib import Path

UNKNOWN = "unknown"
CODE = ("src", "flows", "dvc.yaml")


def head() -> str:
    """Return the commit checked out, or `unknown` outside a repository."""
    return _ask("rev-parse", "HEAD") or UNKNOWN


def code_state() -> str:
    """Return the commit checked out, with `-dirty` where tracked code differs; `unknown` outside a repository."""
    changed = _ask("status", "--porcelain", "--untracked-files=no", "--", *CODE)
    return head() + ("-dirty" if changed else "")


def last_commit_of(path: Path) -> str:
    """Return the short name of the last commit that changed a file, empty where there is none."""
    return _ask("log", "-1", "--format=%h", "--", str(path))


def _ask(*question: str) -> str:
    try:
        return subprocess.run(["git", *question], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
