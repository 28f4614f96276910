"""One run at a time in a folder: the second waits, and says for whom."""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.paths import RUN_LOCK
from mlflow_fraud.wall import stamp

POLL_SECONDS = 0.2
REMIND_SECONDS = 600

_held: set[Path] = set()


@contextmanager
def one_at_a_time(*, tell: Callable[[str], None], place: Path = RUN_LOCK) -> Iterator[None]:
    """Hold the folder's lock; while another process has it, wait and `tell` which one and since when.

    What this process starts while it holds the lock needs no second one. The system lets go of it when a process
    dies, however it dies, so there is nothing to tidy up.
    """
    where = place.absolute()
    if where in _held:
        yield
        return
    try:
        where.parent.mkdir(parents=True, exist_ok=True)
        stream = where.open("a+", encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"cannot write {place}: {error.strerror or error}; a run needs a folder that it may write to"
        ) from error
    with stream:
        _wait(stream, tell)
        _held.add(where)
        try:
            _sign(stream)
            yield
        finally:
            _held.discard(where)
            stream.truncate(0)


def _wait(stream: TextIO, tell: Callable[[str], None]) -> None:
    told = None
    while True:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if told is None or time.monotonic() - told > REMIND_SECONDS:
                tell(f"waiting: {_who(stream)} is at work in this folder, and two runs would tread on each other")
                told = time.monotonic()
            time.sleep(POLL_SECONDS)
        except OSError as error:
            raise SettingsError(
                f"{stream.name} cannot be locked ({error.strerror or error}); a run needs a disk that can lock files"
            ) from error
        else:
            return


def _sign(stream: TextIO) -> None:
    stream.truncate(0)
    stream.write(json.dumps({"pid": os.getpid(), "command": _command(), "since": stamp()}))
    stream.flush()


def _command() -> str:
    """Return what was typed to start this process, programs by their names alone."""
    program, *rest = sys.orig_argv
    if rest and rest[0] == sys.argv[0]:  # an installed command, such as `mlflow-fraud`
        return " ".join([Path(rest[0]).name, *rest[1:]])
    return " ".join([Path(program).name, *rest])


def _who(stream: TextIO) -> str:
    """Return who holds the lock, as far as they have written it down."""
    stream.seek(0)
    try:
        signed = json.loads(stream.read())
        return f"process {signed['pid']} (`{signed['command']}`, since {signed['since']})"
    except (ValueError, KeyError, TypeError):
        return "another process"
