"""How every stage ends: a user's mistake is one line and exit code 1, never a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic

from mlflow_fraud.core.errors import FraudError
from mlflow_fraud.stages.before import prepare_environment

EVERY = 5.0
"""Seconds without a word, at most, where something takes long."""


def run_stage(stage: Callable[[], None]) -> None:
    """Run `stage`; print a `FraudError` as one line to standard error and exit with 1."""
    try:
        prepare_environment()
        stage()
    except FraudError as error:
        sys.exit(f"error: {error}")


def say(line: str) -> None:
    """Print a line of progress now, not when a buffer is full."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@contextmanager
def taking_long(what: str) -> Iterator[None]:
    """Say what is begun, and every few seconds that it still goes on."""
    say(what)
    begun, done = monotonic(), Event()

    def remind() -> None:
        while not done.wait(EVERY):
            say(f"{what}: {monotonic() - begun:.0f} s so far")

    reminder = Thread(target=remind, daemon=True)
    reminder.start()
    try:
        yield
    finally:
        done.set()
        reminder.join()
