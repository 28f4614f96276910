"""A process that goes on after the command that started it, and that another command finds and ends."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from mlflow_fraud.core.errors import FraudError
from mlflow_fraud.paths import STACK
from stack.place import folder_of

READY_SECONDS = 120
GRACE_SECONDS = 15


class NotStarted(FraudError):
    """A process of the stack ended, or did not answer in time."""


def log_of(name: str) -> Path:
    """Return the file of what a process prints."""
    return STACK / "logs" / f"{name}.log"


def start(
    name: str,
    command: Sequence[object],
    environ: Mapping[str, str],
    ready: Callable[[], bool] = lambda: True,
) -> None:
    """Start a process in a session of its own and return once it is `ready`; one that runs already is left alone.

    Raises `NotStarted` with the end of its log.
    """
    if alive(name):
        return
    folder_of("logs")
    with log_of(name).open("ab") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _remember(name, process.pid)
    until = time.monotonic() + READY_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > until:
            stop(name)
            raise NotStarted(f"{name} did not start; the end of {log_of(name)}:\n{_end_of(log_of(name))}")
        time.sleep(0.2)


def alive(name: str) -> bool:
    """Return whether the process of a name runs."""
    return _found(name) is not None


def stop(name: str) -> bool:
    """End a process and all that it started, kindly at first; return whether there was one."""
    process = _found(name)
    if process is not None:
        everyone = [process, *process.children(recursive=True)]
        _end([process], psutil.Process.terminate, GRACE_SECONDS)
        left = _end(everyone, psutil.Process.terminate, GRACE_SECONDS / 3)
        _end(left, psutil.Process.kill, GRACE_SECONDS / 3)
    _file(name).unlink(missing_ok=True)
    return process is not None


def kill(name: str) -> None:
    """End a process and all that it started at once, as when its machine fails."""
    process = _found(name)
    if process is not None:
        _end([process, *process.children(recursive=True)], psutil.Process.kill, GRACE_SECONDS)
    _file(name).unlink(missing_ok=True)


def _end(
    processes: Sequence[psutil.Process], how: Callable[[psutil.Process], object], seconds: float
) -> Sequence[psutil.Process]:
    """Tell processes to end, wait for so long, and return those that have not."""
    for each in processes:
        with suppress(psutil.NoSuchProcess):
            how(each)
    left: Sequence[psutil.Process] = psutil.wait_procs(processes, timeout=seconds)[1]
    return left


def _file(name: str) -> Path:
    return STACK / "running" / f"{name}.json"


def _remember(name: str, pid: int) -> None:
    folder_of("running")
    _file(name).write_text(json.dumps({"pid": pid, "since": psutil.Process(pid).create_time()}))


def _found(name: str) -> psutil.Process | None:
    """Return the process that was started by this name: its number may be another one's by now."""
    with suppress(FileNotFoundError, psutil.NoSuchProcess):
        told = json.loads(_file(name).read_text())
        process = psutil.Process(told["pid"])
        if process.create_time() == told["since"] and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])
