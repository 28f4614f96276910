"""How every stage ends: a user's mistake is one line and exit code 1, never a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable

from mlflow_fraud.core.errors import FraudError
from mlflow_fraud.stages.before import prepare_environment


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
