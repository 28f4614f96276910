"""A command run in its own process group, so that stopping it stops everything it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

GRACE_SECONDS = 10
POLL_SECONDS = 0.2


class Ended(NamedTuple):
    """How a command ended: its exit code and what it printed, both streams in order."""

    code: int
    lines: list[str]


def run(
    command: Sequence[str],
    *,
    log: Callable[[str], None],
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    apart: bool = False,
) -> Ended:
    """Run `command`, in `folder` or here, handing each line it prints to `log` as it comes; return how it ended.

    What it says of its errors goes the same way, or, kept `apart`, where this process's own goes.

    The wait is a short poll, so that a time limit or a cancellation gets in. Whatever ends the wait,
    the whole group is gone afterwards: an orphan would go on and write outputs later.
    """
    process = subprocess.Popen(
        command,
        text=True,
        bufsize=1,
        stdout=subprocess.PIPE,
        stderr=None if apart else subprocess.STDOUT,
        start_new_session=True,
        cwd=folder,
        env=dict(environ) if environ is not None else None,
    )
    lines: list[str] = []
    reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
    reader.start()
    told = 0
    try:
        while True:
            ended = process.poll() is not None
            if ended:
                reader.join(5)
            while told < len(lines):
                log(lines[told])
                told += 1
            if ended:
                return Ended(process.returncode, lines)
            time.sleep(POLL_SECONDS)
    finally:
        _stop(process)


def python_environ() -> dict[str, str]:
    """Return this environment with this interpreter first on PATH, as stages say just `python`."""
    first = os.path.dirname(sys.executable)
    return {**os.environ, "PATH": first + os.pathsep + os.environ.get("PATH", ""), "PYTHONUNBUFFERED": "1"}


def _read(process: subprocess.Popen[str], lines: list[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line.rstrip())


def _stop(process: subprocess.Popen[str]) -> None:
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
