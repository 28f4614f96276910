"""The deployments on a Prefect server: pool, queues, what `prefect.yaml` says, and the watch over silent runs."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

from prefect.automations import AutomationCore
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectAlreadyExists
from prefect.settings import get_current_settings
from prefect.workers.process import ProcessWorker

from flows.server import SERVER_GONE, one_sentence, require_server
from mlflow_fraud.core.errors import FraudError, SettingsError
from mlflow_fraud.stages.before import prepare_environment

POOL = "fraud"
TAG = "fraud"
ONE_AT_A_TIME = "clone"
"""The queue of whatever changes the clone: of all its runs one is under way."""
AT_ONCE = "at-once"
"""The queue of what waits for nobody."""
SILENT = "mlflow-fraud: a silent run has crashed"
BEAT_SECONDS = 30
"""How often a run says that it lives; Prefect allows no less."""
BEATS = 3
"""Heartbeats that a run may miss."""
_ENDS = ("Completed", "Failed", "Cancelled", "Crashed")
_BEAT = "prefect.flow-run.heartbeat"


def deploy(silence: timedelta) -> None:
    """Make or renew all of it; safe to repeat."""
    with get_client(sync_client=True) as client:
        template = ProcessWorker.get_default_base_job_template()
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=template), overwrite=True)
        _queue(client, ONE_AT_A_TIME, limit=1)
        _queue(client, AT_ONCE, limit=None)
        watch_silence(client, silence)
    ended = subprocess.run([sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"], check=False)
    if ended.returncode:
        raise FraudError("prefect deploy did not end well; its own words are above")


def watch_silence(client: SyncPrefectClient, silence: timedelta) -> None:
    """Let a run that has not said for so long that it lives be Crashed: its machine is gone, and it holds a slot.

    Runs of other projects on the same server say so every three minutes by default, so only those with our tag count.
    """
    watch = AutomationCore(
        name=SILENT,
        description="a run whose worker and machine are gone stays Running for good, and keeps others waiting",
        trigger=EventTrigger(
            posture=Posture.Proactive,
            threshold=1,
            within=silence,
            match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
            match_related=ResourceSpecification({"prefect.resource.id": [f"prefect.tag.{TAG}"]}),
            for_each={"prefect.resource.id"},
            after={_BEAT},
            expect={_BEAT, *(f"prefect.flow-run.{end}" for end in _ENDS)},
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message="it fell silent: its machine or worker is gone")],
    )
    there = client.read_automations_by_name(SILENT)
    if there:
        client.update_automation(there[0].id, watch)
    else:
        client.create_automation(watch)


def _queue(client: SyncPrefectClient, name: str, *, limit: int | None) -> None:
    try:
        queue = client.create_work_queue(name=name, work_pool_name=POOL, concurrency_limit=limit)
    except ObjectAlreadyExists:
        queue = client.read_work_queue_by_name(name, work_pool_name=POOL)
    client.update_work_queue(queue.id, concurrency_limit=limit)


def main() -> None:
    """Deploy to the server that PREFECT_API_URL names."""
    try:
        prepare_environment()
        if not get_current_settings().api.url:
            raise SettingsError("PREFECT_API_URL is not set, so there is no server to deploy to; docs/runbook.md")
        require_server()
        deploy(timedelta(seconds=BEATS * BEAT_SECONDS))
    except FraudError as error:
        sys.exit(f"error: {error}")
    except SERVER_GONE as error:
        sys.exit(f"error: {one_sentence(error)}")


if __name__ == "__main__":
    main()
