"""What a person set on the Prefect server stays when it is deployed again; `prefect.yaml` says what is new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from prefect.automations import AutomationCore
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, NoSchedule, RRuleSchedule
from prefect.exceptions import ObjectNotFound

from mlflow_fraud.core.errors import FraudError

Said = dict[str, Any]


def put_automation(client: SyncPrefectClient, automation: AutomationCore) -> None:
    """Make an automation, or renew the one of its name; one that a person switched off stays off."""
    there = client.read_automations_by_name(automation.name)
    if there:
        client.update_automation(there[0].id, automation.model_copy(update={"enabled": there[0].enabled}))
    else:
        client.create_automation(automation)


def as_on_server(client: SyncPrefectClient, said: Said) -> Said:
    """Return what `prefect.yaml` says, with what the server has for deployments that are there already."""
    kept = []
    for one in said["deployments"]:
        if deployment := _there(client, one):
            owned = client.read_resource_related_automations(f"prefect.deployment.{deployment.id}")
            kept.append(with_kept(one, deployment, {each.name: each.enabled for each in owned}))
        else:
            kept.append(one)
    return {**said, "deployments": kept}


def _there(client: SyncPrefectClient, said: Said) -> DeploymentResponse | None:
    """Return the deployment as the server has it: of this flow, since another's may have the same name."""
    flow = said["entrypoint"].rpartition(":")[2]
    try:
        return client.read_deployment_by_name(f"{flow}/{said['name']}")
    except ObjectNotFound:
        return None


def with_kept(said: Said, there: DeploymentResponse, enabled: Mapping[str, bool]) -> Said:
    """Return what is said of a deployment, but paused, scheduled and triggered as the server has it.

    A schedule with a new slug joins those; `enabled` has the automations that are there, by name.
    """
    slugs = {each.slug for each in there.schedules}
    new = [each for each in said.get("schedules", []) if each["slug"] not in slugs]
    return {
        **said,
        "paused": there.paused,
        "schedules": [*map(_as_said, there.schedules), *new],
        "triggers": _triggers(said["name"], said.get("triggers", []), enabled),
    }


def _triggers(deployment: str, said: Sequence[Said], enabled: Mapping[str, bool]) -> list[Said]:
    names = (f"{deployment}__automation_{place}" for place, _ in enumerate(said, start=1))  # as Prefect calls them
    return [{**each, "enabled": enabled.get(name, each["enabled"])} for name, each in zip(names, said, strict=True)]


def _as_said(there: DeploymentSchedule) -> Said:
    """Return a schedule in the words of `prefect.yaml`."""
    match when := there.schedule:
        case CronSchedule():
            said: Said = {"cron": when.cron, "day_or": when.day_or}
        case IntervalSchedule():
            said = {"interval": when.interval.total_seconds(), "anchor_date": when.anchor_date.isoformat()}
        case RRuleSchedule():
            said = {"rrule": when.rrule}
        case NoSchedule():
            raise FraudError(f"a schedule of the server says no time ({there.id}); take it out in its pages")
    said |= {"timezone": when.timezone, "active": there.active, "slug": there.slug, "parameters": there.parameters}
    return {name: value for name, value in said.items() if value not in (None, {})}
