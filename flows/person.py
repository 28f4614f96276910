"""When a run needs a person: it failed, crashed or was cancelled, or a merge is asked for."""

from __future__ import annotations

from typing import Any

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.utilities.urls import url_for

from flows.server import SERVER_GONE
from mlflow_fraud.operations.reporting.person import call

WAYS = {"FAILED": "failed", "CRASHED": "crashed", "CANCELLED": "was cancelled"}
"""What is said of a run, by the type of its last state."""
AFTER = "; the next run goes on from there"
CALLS = "mlflow-fraud: a person is called to a run"
"""The automation of a server that calls by itself; see `calling`."""


def call_person(what: str, page: str = "") -> None:
    """Say what is asked of a person, and where."""
    call(what, page=page)


def on_trouble(flow: Flow[..., Any], run: FlowRun, state: State[Any]) -> None:
    """Call a person to a run that came to no good end; whatever it had begun, the next one goes on from there.

    One call a failure: a flow that called this one fails with it, and a server calls to the runs of its deployments.
    """
    if run.parent_task_run_id or (run.deployment_id and server_calls()):
        return
    how = WAYS.get(state.type.value, state.type.value.lower())
    call(f"{flow.name} {how}{AFTER}", run=run.name, page=url_for(run) or "")


def server_calls() -> bool:
    """Return whether the server of this run calls a person itself."""
    try:
        with get_client(sync_client=True) as client:
            return bool(client.read_automations_by_name(CALLS))
    except SERVER_GONE:
        return False


# What each flow is declared with.
CALLS_A_PERSON: dict[str, Any] = {
    "on_failure": [on_trouble],
    "on_crashed": [on_trouble],
    "on_cancellation": [on_trouble],
}
