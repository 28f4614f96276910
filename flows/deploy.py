"""The deployments on a Prefect server: pool, queues, what `prefect.yaml` says, and what the server does by itself."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.exceptions import ObjectAlreadyExists
from prefect.settings import get_current_settings
from prefect.workers.process import ProcessWorker

from flows.calling import let_server_call
from flows.kept import as_on_server
from flows.server import SERVER_GONE, one_sentence, require_server
from flows.silence import watch_silence
from mlflow_fraud.core.errors import FraudError, SettingsError
from mlflow_fraud.environment import load_environment
from mlflow_fraud.stages.before import prepare_environment

POOL = "fraud"
ONE_AT_A_TIME = "clone"
"""The queue of whatever changes the clone: of all its runs one is under way."""
AT_ONCE = "at-once"
"""The queue of what waits for nobody."""
DEPLOYMENTS = Path("prefect.yaml")


def deploy() -> None:
    """Make or renew all of it; safe to repeat. What a person set on the server stays."""
    webhook = load_environment().webhook.get_secret_value()
    with get_client(sync_client=True) as client:
        _pool(client)
        _queue(client, ONE_AT_A_TIME, limit=1)
        _queue(client, AT_ONCE, limit=None)
        watch_silence(client)
        if webhook:
            let_server_call(client, webhook)
        wanted = as_on_server(client, yaml.safe_load(DEPLOYMENTS.read_text(encoding="utf-8")))
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        yaml.safe_dump(wanted, file, sort_keys=False)
        file.flush()
        words = ["--no-prompt", "deploy", "--all", "--prefect-file", file.name]
        ended = subprocess.run([sys.executable, "-m", "prefect", *words], check=False)
    if ended.returncode:
        raise FraudError("prefect deploy did not end well; its own words are above")


def _pool(client: SyncPrefectClient) -> None:
    template = ProcessWorker.get_default_base_job_template()
    with suppress(ObjectAlreadyExists):
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process", base_job_template=template))
    client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=template))


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
            raise SettingsError("PREFECT_API_URL is not set, so there is no server to deploy to; docs/worker.md")
        require_server()
        deploy()
    except FraudError as error:
        sys.exit(f"error: {error}")
    except SERVER_GONE as error:
        sys.exit(f"error: {one_sentence(error)}")


if __name__ == "__main__":
    main()
