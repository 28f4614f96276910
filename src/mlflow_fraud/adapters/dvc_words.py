"""What DVC says, told so that a person can act on it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

KILLED = "a run before this one was killed: what it had begun is made again"

_BLOCKED = "is busy, it is being blocked by:"
_BLOCKER = re.compile(r"^\s*\(PID (\d+)\): (.*)$")
_FETCH = "`dvc pull` fetches what is pinned, `mlflow-fraud data simulate` makes the built-in batch"
_WAYS_OUT = {
    "no space left on device": "make room on the disk and run again, nothing that was pinned is lost",
    "disk quota exceeded": "make room on the disk and run again, nothing that was pinned is lost",
    "read-only file system": "a run needs a folder that it may write to",
    "permission denied": "a run needs a folder that it may write to",
    "possible merge conflicts": "take one side (`git checkout --ours dvc.lock`), then `dvc repro` and commit it",
    "missing data 'source'": _FETCH,
    "no such file or directory": _FETCH,
    "not in cache": _FETCH,
    "cache files do not exist": _FETCH,
    "checkout failed": _FETCH,
    "json structure is corrupted": "a run was stopped while it wrote that file: remove it and run again",
    "rwlock-file": "remove that file when no other run is at work, and run again",
    "unable to acquire lock": "another DVC command is at work in this folder: wait for it and run again",
    "not inside of a dvc repository": "clone the repository, or `dvc init`",
    "is not a git repository": "clone the repository, or `git init`",
    "config file error": "correct .dvc/config; `git checkout .dvc/config` takes the committed one",
    "dubious ownership": "`git config --global --add safe.directory <this folder>` trusts it",
}


class Blocker(NamedTuple):
    """A process that holds files which DVC wants, and what it runs."""

    pid: int
    command: str


def blockers(lines: Sequence[str]) -> list[Blocker]:
    """Return the processes that DVC found at work on the same files; empty when that was not the trouble.

    >>> blockers(["ERROR: 'a' is busy, it is being blocked by:", "  (PID 7): /venv/bin/dvc repro", "", "If there"])
    [Blocker(pid=7, command='dvc repro')]
    """
    if not any(_BLOCKED in line for line in lines):
        return []
    found = [match for line in lines if (match := _BLOCKER.match(line))]
    return list(dict.fromkeys(Blocker(int(each[1]), _short(each[2])) for each in found))


def way_out(said: str) -> str:
    """Return what a person can do about DVC's complaint, after a semicolon; empty where we know nothing better.

    >>> way_out("unexpected error - [Errno 28] No space left on device: 'x'")
    '; make room on the disk and run again, nothing that was pinned is lost'
    """
    return next((f"; {way}" for words, way in _WAYS_OUT.items() if words in said.lower()), "")


def is_of_a_killed_run(line: str) -> bool:
    """Return whether DVC says that it found the lock of a process that is gone, and took it away."""
    return "had been killed. Auto removed it from the lock file" in line


def is_of_a_wait(line: str) -> bool:
    """Return whether DVC says that another process is in its way: we wait then, and say so ourselves."""
    return _BLOCKED in line or bool(_BLOCKER.match(line)) or line.startswith("If there are no processes with such PIDs")


def _short(command: str) -> str:
    """Return a command by its name, without the folder that it lies in.

    >>> _short("/a/b/dvc --wait-for-lock repro")
    'dvc --wait-for-lock repro'
    """
    program, _, rest = command.partition(" ")
    return f"{program.rpartition('/')[2]} {rest}".strip()
