"""How runs begin and end: one at a time; a user's mistake is a Failed state with one clear sentence and exit code 1."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

from prefect import get_run_logger
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.exceptions import FailedRun
from prefect.settings import get_current_settings
from prefect.states import Failed

from flows.server import GOES_ON, SERVER_GONE, one_sentence, require_server
from mlflow_fraud.adapters.run_lock import one_at_a_time
from mlflow_fraud.core.errors import DataError, FraudError, SettingsError
from mlflow_fraud.operations.workplace import require_workplace
from mlflow_fraud.settings import load_params
from mlflow_fraud.stages.before import prepare_environment, tell

P = ParamSpec("P")
R = TypeVar("R")

HOUR, DAY = 3600, 24 * 3600
"""Seconds, after which a flow that has not ended is taken to hang."""

STOPPED = f"error: stopped; {GOES_ON}"
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
    """Takes the traceback off an error in a run's log that a person can act on: its sentence says what to do."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through."""
        if record.exc_info and isinstance(record.exc_info[1], (FraudError, *SERVER_GONE)):
            record.exc_info = None
        return True


ONE_SENTENCE = OneSentence()


def fails_clearly(steps: Callable[P, R]) -> Callable[P, R]:
    """Let a `FraudError` of a flow's steps end it as Failed with its sentence, not with a traceback.

    Whoever started the flow, a shell or a worker: it looks around first, and waits while another is at work here.
    For flows only: a task that *returns* a Failed state does not stop the flow that called it, so tasks raise.
    """
    return _ending_clearly(steps, _alone)


def fails_clearly_at_once(steps: Callable[P, R]) -> Callable[P, R]:
    """Do the same for a flow that needs nothing of this folder, so that it waits for no other run in it."""
    return _ending_clearly(steps, nullcontext)


@contextmanager
def _alone() -> Iterator[None]:
    require_workplace()
    load_params()
    with one_at_a_time(tell=get_run_logger().info):
        yield


def _ending_clearly(steps: Callable[P, R], meanwhile: Callable[[], AbstractContextManager[None]]) -> Callable[P, R]:
    @wraps(steps)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in RUN_LOGGERS:
            logging.getLogger(name).addFilter(ONE_SENTENCE)
        try:
            prepare_environment()
            with meanwhile():
                return steps(*args, **kwargs)
        except SERVER_GONE as error:
            return Failed(message=one_sentence(error))  # type: ignore[return-value]
        except (FraudError, FailedRun) as error:
            return Failed(message=str(error))  # type: ignore[return-value]  # Prefect takes it as the run's state

    # Prefect reads the parameters' types off the signature, and would look for their names in this module
    guarded.__signature__ = signature(steps, eval_str=True)  # type: ignore[attr-defined]
    return guarded


def asks(word: str) -> bool:
    """Return whether the command line holds `word`, the only one that the command knows."""
    others = [each for each in sys.argv[1:] if each != word]
    if others:
        sys.exit(f"error: {' '.join(others)} is not known here, only {word} is")
    return word in sys.argv[1:]


class Stopped(SystemExit):
    """A signal ends this process; its code is a shell's for that signal."""


def _stop(number: int, frame: object) -> None:
    signal.signal(number, lambda *again: None)  # `timeout` sends it twice, and the end is to be left alone
    raise Stopped(128 + number)


def run_from_shell(flow: Callable[..., Any]) -> Any:
    """Run a flow as a command and return its result; exit with 1 and one line when it failed."""
    # so that being stopped ends this process in order, and Prefect's temporary server with it
    signal.signal(signal.SIGTERM, _stop)
    try:
        prepare_environment()
        require_workplace()
        load_params()
        require_server()
        if not get_current_settings().api.url:
            from flows.temporary_server import watch_temporary_server  # the server's code takes seconds to import

            watch_temporary_server()
        with one_at_a_time(tell=tell):  # before Prefect's temporary server: its history is one file, too
            state = flow(return_state=True)
    except FraudError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(STOPPED)
    except Stopped:
        tell(STOPPED)
        raise
    except Exception as error:  # what the flow's own steps raise comes back as a state: this is Prefect's
        sys.exit(f"error: {one_sentence(error)}")
    if not state.is_completed():
        sys.exit(f"error: {state.message}")
    return state.result()
