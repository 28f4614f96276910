"""How runs end: a user's mistake is a Failed state with one clear sentence, and exit code 1."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from prefect.exceptions import FailedRun
from prefect.states import Failed

from mlflow_fraud.core.errors import FraudError

P = ParamSpec("P")
R = TypeVar("R")


def fails_clearly(step: Callable[P, R]) -> Callable[P, R]:
    """Let a `FraudError` end a task or flow as Failed with its sentence, not with a traceback."""

    @wraps(step)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return step(*args, **kwargs)
        except (FraudError, FailedRun) as error:
            return Failed(message=str(error))  # type: ignore[return-value]  # Prefect takes it as the run's state

    return guarded


def run_from_shell(flow: Callable[..., Any]) -> Any:
    """Run a flow as a command and return its result; exit with 1 and one line when it failed."""
    state = flow(return_state=True)
    if not state.is_completed():
        sys.exit(f"error: {state.message}")
    return state.result()
