"""How runs end: a user's mistake is a Failed state with one clear sentence, exit code 1, and no second try."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.exceptions import FailedRun
from prefect.states import Failed

from mlflow_fraud.core.errors import DataError, FraudError, SettingsError

P = ParamSpec("P")
R = TypeVar("R")

RUN_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")


def worth_repeating(task: object, run: object, state: State[Any]) -> bool:
    """Return whether trying a failed task again can help: wrong settings and wrong data stay wrong."""
    return not isinstance(state.result(raise_on_failure=False), (SettingsError, DataError))


# A task that has an effect outside the repository, and may be repeated.
REPEATED: dict[str, Any] = {
    "cache_policy": NO_CACHE,
    "persist_result": False,
    "retries": 3,
    "retry_delay_seconds": [2, 10, 30],
    "retry_condition_fn": worth_repeating,
}


class OneSentence(logging.Filter):
    """Takes the traceback off a `FraudError` in a run's log: its sentence says what to do."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through."""
        if record.exc_info and isinstance(record.exc_info[1], FraudError):
            record.exc_info = None
        return True


ONE_SENTENCE = OneSentence()


def fails_clearly(steps: Callable[P, R]) -> Callable[P, R]:
    """Let a `FraudError` of a flow's steps end it as Failed with its sentence, not with a traceback.

    For flows only: a task that *returns* a Failed state does not stop the flow that called it, so tasks raise.
    """

    @wraps(steps)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in RUN_LOGGERS:
            logging.getLogger(name).addFilter(ONE_SENTENCE)
        try:
            return steps(*args, **kwargs)
        except (FraudError, FailedRun) as error:
            return Failed(message=str(error))  # type: ignore[return-value]  # Prefect takes it as the run's state

    return guarded


def run_from_shell(flow: Callable[..., Any]) -> Any:
    """Run a flow as a command and return its result; exit with 1 and one line when it failed."""
    # so that being stopped ends this process in order, and Prefect's temporary server with it
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    state = flow(return_state=True)
    if not state.is_completed():
        sys.exit(f"error: {state.message}")
    return state.result()
