"""The server's watch over runs of ours that fall silent: their machine is gone, and they hold a slot for good."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from prefect.automations import AutomationCore
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

from flows.kept import put_automation

TAG = "fraud"
OURS = ResourceSpecification({"prefect.resource.id": [f"prefect.tag.{TAG}"]})
"""Runs of our deployments: flows that these call have no tag, and runs of other projects another one."""
A_RUN = ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]})
BEAT_SECONDS = 30
"""How often a run says that it lives; Prefect allows no less."""
SILENCE = timedelta(seconds=3 * BEAT_SECONDS)
"""After three beats that did not come."""
START = timedelta(minutes=15)
"""How long a run may be Pending: its process starts then, and its clone is brought up to date."""

SILENT = "mlflow-fraud: a silent run has crashed"
NOT_BEGUN = "mlflow-fraud: a run that does not begin has crashed"
NOT_ENDED = "mlflow-fraud: a cancelled run that does not end is over"

_EVENT = "prefect.flow-run."
_BEAT, _PENDING, _RUNS, _CANCELLING = (f"{_EVENT}{name}" for name in ("heartbeat", "Pending", "Running", "Cancelling"))
_ENDS = {f"{_EVENT}{name}" for name in ("Completed", "Failed", "TimedOut", "Cancelled", "Crashed")}
_WAITS = {f"{_EVENT}{name}" for name in ("Scheduled", "Late", "AwaitingConcurrencySlot", "AwaitingRetry", "Paused")}


def watch_silence(client: SyncPrefectClient, silence: timedelta = SILENCE, start: timedelta = START) -> None:
    """Let a run come to an end that has not said for so long that it lives, has not begun in time, or does not end.

    A run has its slot from Pending on, and its first beat follows when it is Running; runs of other projects beat every
    three minutes by default, so only ours count.
    """
    begun = {_RUNS, _BEAT, _CANCELLING, *_WAITS, *_ENDS}  # beats too: a busy server may have lost that it runs
    crashed, cancelled = StateType.CRASHED, StateType.CANCELLED  # the server takes no other end after Cancelling
    for watch in (
        _watch(SILENT, {_RUNS, _BEAT}, {_BEAT, *_ENDS}, silence, crashed, "it fell silent"),
        _watch(NOT_BEGUN, {_PENDING}, begun, start, crashed, "it did not begin"),
        _watch(NOT_ENDED, {_CANCELLING}, _ENDS, silence, cancelled, "it was cancelled and did not end"),
    ):
        put_automation(client, watch)


def of_each_run(posture: Posture, expect: set[str], **more: Any) -> EventTrigger:
    """Return what looks at each run of ours by itself."""
    each = {"prefect.resource.id"}
    return EventTrigger(
        posture=posture, threshold=1, match=A_RUN, match_related=OURS, for_each=each, expect=expect, **more
    )


def _watch(name: str, after: set[str], expect: set[str], within: timedelta, end: StateType, why: str) -> AutomationCore:
    return AutomationCore(
        name=name,
        description="a run whose worker and machine are gone stays as it is for good, and keeps others waiting",
        trigger=of_each_run(Posture.Proactive, expect, within=within, after=after),
        actions=[ChangeFlowRunState(state=end, message=f"{why}: its machine or worker is gone")],
    )
