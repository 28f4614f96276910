"""What a retraining does from the contest on, in processes of its own that are killed where they are told to be.

`python -m tests.operations.release.promoting_process <place> …` gives each run, one after the other, the place at which
it dies; `nowhere` lets it come to its end. It prints how each ended.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow  # imported before the runs part, as all below: each then begins at once

from mlflow_fraud.adapters import dvc_repo
from mlflow_fraud.adapters.file_store import FileStore
from mlflow_fraud.adapters.mlflow_tracking import Tracking
from mlflow_fraud.operations.publication.publish import publish
from mlflow_fraud.operations.release.compare import compare
from mlflow_fraud.operations.release.promote import mirror_champion, promote
from mlflow_fraud.operations.release.store import open_configured_store

REASON = "f1 below 0.8"

PLACES: dict[str, tuple[Any, str, Callable[..., bool]]] = {
    "decision": (Path, "replace", lambda pending, target: target.parent.name == "decision" and "-" in target.name),
    "ledger": (FileStore, "create", lambda store, key, content: key.startswith("ledger/")),
    "pointer": (FileStore, "create", lambda store, key, content: key == "latest"),
    "alias": (Tracking, "set_alias", lambda tracking, alias, version: alias == "champion"),
}
"""Before which call of what a run dies: the verdict is there and its decision is not yet, and so on."""


def run() -> None:
    """Judge, publish and promote, as the flow `retraining` does."""
    store = open_configured_store()
    compare(store, first=True, asked=REASON)
    if publish(REASON).goes_live:
        promote(store)
        mirror_champion(store)


def dies_at(place: str) -> None:
    """Let this process be killed where it comes to the place."""
    owner, name, is_there = PLACES[place]
    goes_on = getattr(owner, name)

    def called(*given: Any, **named: Any) -> Any:
        if is_there(*given):
            os.kill(os.getpid(), signal.SIGKILL)
        return goes_on(*given, **named)

    setattr(owner, name, called)


def ended(place: str) -> int:
    """Return how a run ended that was to die at a place: by its exit code, or by less than 0 for a signal."""
    if number := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
    if place in PLACES:
        dies_at(place)
    try:
        run()
    except BaseException as error:  # nothing of this process may go on in the copy
        sys.stderr.write(f"{place}: {error!r}\n")
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    assert mlflow is not None
    dvc_repo.push = lambda *_, **__: None  # type: ignore[assignment]  # tests/operations/publication has real data to push
    print(*(ended(place) for place in sys.argv[1:]))
