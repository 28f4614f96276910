"""A Prefect server calls a person to a run that came to no good end, also where nobody is left to do it."""

from __future__ import annotations

from urllib.parse import urlsplit

from prefect.automations import AutomationCore
from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import SyncPrefectClient
from prefect.events.actions import CallWebhook
from prefect.events.schemas.automations import Posture
from prefect.settings import get_current_settings

from flows import person
from flows.kept import put_automation
from flows.silence import of_each_run
from mlflow_fraud.core.errors import SettingsError

BLOCK = "mlflow-fraud-person"
"""Where the server keeps the webhook's address, encrypted; whoever may use its API can read it."""
WAYS = {"TimedOut": person.WAYS["FAILED"]} | {kind.capitalize(): way for kind, way in person.WAYS.items()}
"""What is said of a run, by the name of its last state, as events have it."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def let_server_call(client: SyncPrefectClient, address: str) -> None:
    """Let the server send one message to `address` for each run of ours that fails, crashes or is cancelled.

    The message has the flow, the run's name and its page, and nothing of what the run read or said. Raises
    `SettingsError` where a server that others reach asks for no password, so that everybody could read the address.
    """
    require_guarded()
    headers = {"Content-Type": "application/json"}
    block = Webhook.model_validate({"url": address, "headers": headers}).save(BLOCK, overwrite=True)
    put_automation(
        client,
        AutomationCore(
            name=person.CALLS,
            description="sends the webhook that FRAUD_WEBHOOK named when this was deployed one message for each run",
            trigger=of_each_run(Posture.Reactive, {f"prefect.flow-run.{name}" for name in WAYS}),
            actions=[CallWebhook(block_document_id=block, payload=message(get_current_settings().ui_url or ""))],
        ),
    )


def require_guarded() -> None:
    """Raise `SettingsError` where others reach the server and it asks for no password."""
    api = get_current_settings().api
    if urlsplit(api.url or "").hostname not in LOOPBACK and not (api.auth_string or api.key):
        raise SettingsError(
            "FRAUD_WEBHOOK is set, and the server of PREFECT_API_URL asks for no password, so that whoever reaches it "
            "could read the address: set PREFECT_SERVER_API_AUTH_STRING there and PREFECT_API_AUTH_STRING here, or "
            "unset FRAUD_WEBHOOK for this command"
        )


def message(pages: str) -> str:
    """Return the template of the message, which the server fills in; `pages` is where it shows runs, or empty."""
    how = f"{WAYS}[event.event.split('.')[-1]]"
    said = f"'mlflow-fraud: ' ~ flow.name ~ ' ' ~ {how} ~ '{person.AFTER}'"
    page = f', "page": {{{{ ("{pages}/runs/flow-run/" ~ flow_run.id) | tojson }}}}' if pages else ""
    return f'{{"text": {{{{ ({said}) | tojson }}}}, "run": {{{{ flow_run.name | tojson }}}}{page}}}'
