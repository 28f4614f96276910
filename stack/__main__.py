"""`python -m stack start`, `stop` or `status`."""

from __future__ import annotations

import sys
import time

from mlflow_fraud.core.errors import FraudError
from mlflow_fraud.operations.workplace import require_workplace
from mlflow_fraud.stages.before import prepare_environment
from mlflow_fraud.stages.run import say
from stack import git_host, scoring
from stack.parts import ENVIRONMENT, running, start, stop

FIRST = "prefect deployment run 'retraining/retraining' --param first=true --watch"


def main(words: list[str]) -> None:
    """Do what a word asks for, and say what became of it."""
    match words:
        case ["start"]:
            _start()
        case ["stop"]:
            stop(say)
        case ["status"]:
            for name, runs in running().items():
                say(f"{name:10} {'runs' if runs else 'does not run'}")
        case _:
            sys.exit(f"error: expected start, stop or status, found {' '.join(words) or 'nothing'}")


def _start() -> None:
    began = time.monotonic()
    prepare_environment()
    require_workplace(commit=True)
    addresses = start(lambda line: say(f"{time.monotonic() - began:4.0f} s  {line}"))
    say("\nall of it runs:")
    for name, address in addresses.items():
        say(f"  {name:16} {address}")
    say(f"\n  . {ENVIRONMENT}\n      gives a shell all variables, passwords among them")
    say(f"  {scoring.KEY}\n      holds the key that the scoring service asks for")
    say(f"  {FIRST}\n      puts a first model live")
    say(f"  git fetch {git_host.REPOSITORY} {git_host.BRANCH}\n      brings what the worker pushed")
    say("  make stack-stop\n      ends all of it")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except FraudError as error:
        sys.exit(f"error: {error}")
