"""What a person set on the server stays; what the server sends to a person is no more than which run it was.

That a real server does so is told by tests/e2e/test_worker.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
import yaml
from jinja2.sandbox import ImmutableSandboxedEnvironment
from prefect.automations import AutomationCore
from prefect.cli.deploy._schedules import _schedule_config_to_deployment_schedule
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import DeploymentSchedule
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, NoSchedule, RRuleSchedule
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from flows import calling, deploy, silence
from flows.kept import as_on_server, put_automation, with_kept
from mlflow_fraud.core.errors import FraudError, SettingsError
from tests.conftest import ROOT

SAID: dict[str, Any] = yaml.safe_load((ROOT / "prefect.yaml").read_text())
RETRAINING = next(each for each in SAID["deployments"] if each["name"] == "retraining")
ONE = UUID(int=1)


def there(*schedules: DeploymentSchedule, paused: bool = False) -> DeploymentResponse:
    return DeploymentResponse(id=ONE, name="retraining", flow_id=ONE, schedules=list(schedules), paused=paused)


def at(when: Any, *, active: bool = True, slug: str | None = "nightly") -> DeploymentSchedule:
    return DeploymentSchedule(id=ONE, schedule=when, active=active, slug=slug)


@pytest.mark.parametrize(
    "mine",
    [
        at(CronSchedule(cron="0 6 * * 1", timezone="Europe/Rome", day_or=False)),
        at(CronSchedule(cron="0 3 * * *"), active=False, slug=None),
        at(IntervalSchedule(interval=3600.0, timezone="UTC")),  # type: ignore[arg-type]
        at(RRuleSchedule(rrule="FREQ=DAILY", timezone="UTC")),
    ],
    ids=["other hours", "one without a slug", "interval", "rule"],
)
def test_a_schedule_of_the_server_stays_as_it_is(mine: DeploymentSchedule) -> None:
    wanted = with_kept(RETRAINING, there(mine), {})["schedules"]
    (first, *new) = [_schedule_config_to_deployment_schedule(yaml.safe_load(yaml.safe_dump(each))) for each in wanted]
    assert (first["schedule"], first["active"], first.get("slug")) == (mine.schedule, mine.active, mine.slug)
    assert [each["slug"] for each in new] == ([] if mine.slug else ["nightly"])


def test_a_schedule_without_a_time_is_named() -> None:
    with pytest.raises(FraudError, match=f"says no time .{ONE}"):
        with_kept(RETRAINING, there(at(NoSchedule())), {})


@pytest.mark.parametrize("paused", [True, False])
@pytest.mark.parametrize("enabled", [True, False])
def test_what_is_paused_or_switched_off_stays_so(paused: bool, enabled: bool) -> None:
    kept = with_kept(RETRAINING, there(paused=paused), {"retraining__automation_1": enabled})
    assert kept["paused"] is paused
    assert [each["enabled"] for each in kept["triggers"]] == [enabled]
    assert kept["triggers"][0]["parameters"] == RETRAINING["triggers"][0]["parameters"]
    assert kept["schedules"] == RETRAINING["schedules"]


class Server:
    """A server that has the deployment `retraining`, and automations by their names."""

    def __init__(self, **enabled: bool) -> None:
        self.automations = [SimpleNamespace(id=ONE, name=name, enabled=is_on) for name, is_on in enabled.items()]
        self.put: list[AutomationCore] = []

    def read_deployment_by_name(self, name: str) -> DeploymentResponse:
        if name != "retraining/retraining":
            raise ObjectNotFound(http_exc=KeyError(name))
        return there(paused=True)

    def read_resource_related_automations(self, of: str) -> list[Any]:
        return self.automations

    def read_automations_by_name(self, name: str) -> list[Any]:
        return [each for each in self.automations if each.name == name]

    def create_automation(self, automation: AutomationCore) -> None:
        self.put.append(automation)

    def update_automation(self, which: UUID, automation: AutomationCore) -> None:
        self.put.append(automation)


def client(server: Server) -> SyncPrefectClient:
    return server  # type: ignore[return-value]


def test_what_is_not_on_the_server_is_as_prefect_yaml_says() -> None:
    wanted = as_on_server(client(Server()), SAID)
    before = {each["name"]: each for each in SAID["deployments"]}
    after = {each["name"]: each for each in wanted["deployments"]}
    assert after.pop("retraining")["paused"] is True
    del before["retraining"]
    assert after == before
    assert {**wanted, "deployments": []} == {**SAID, "deployments": []}


@pytest.mark.parametrize("enabled", [True, False])
def test_an_automation_that_a_person_switched_off_stays_off(enabled: bool) -> None:
    watches = Server()
    silence.watch_silence(client(watches))
    again = Server(**{each.name: enabled for each in watches.put})
    for each in watches.put:
        put_automation(client(again), each)
    assert {each.enabled for each in watches.put} == {True}
    assert {each.enabled for each in again.put} == {enabled}


def test_every_deployment_has_the_tag_that_the_server_watches() -> None:
    assert {silence.TAG in each["tags"] for each in SAID["deployments"]} == {True}
    assert deploy.DEPLOYMENTS.name == "prefect.yaml"


@pytest.mark.parametrize(
    ("state", "said"), [("Crashed", "crashed"), ("TimedOut", "failed"), ("Cancelled", "was cancel")]
)
def test_the_message_is_a_document_with_the_run_and_where_to_look(state: str, said: str) -> None:
    run = SimpleNamespace(id=ONE, name='wise "owl"')
    event = SimpleNamespace(event=f"prefect.flow-run.{state}")
    for pages, page in (("http://127.0.0.1:4200", f"http://127.0.0.1:4200/runs/flow-run/{ONE}"), ("", None)):
        template = ImmutableSandboxedEnvironment().from_string(calling.message(pages))
        told = json.loads(template.render(flow=SimpleNamespace(name="training"), flow_run=run, event=event))
        assert told["text"].startswith(f"mlflow-fraud: training {said}")
        assert (told["run"], told.get("page")) == ('wise "owl"', page)


@contextmanager
def reached_at(url: str, password: str = "") -> Iterator[None]:
    with temporary_settings({PREFECT_API_URL: url, PREFECT_API_AUTH_STRING: password or None}):
        yield


def test_the_address_is_not_given_to_a_server_that_everybody_may_ask() -> None:
    with reached_at("http://prefect.bank.example/api"), pytest.raises(SettingsError, match="asks for no password"):
        calling.require_guarded()
    with reached_at("http://prefect.bank.example/api", "user:secret"):
        calling.require_guarded()
    with reached_at("http://127.0.0.1:4200/api"):
        calling.require_guarded()
