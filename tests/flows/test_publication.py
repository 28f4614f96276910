"""The order of a retraining's last steps: shared first, then live; made again where somebody else was faster."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows import asked, person
from flows import publication as sharing
from flows import retraining as flow
from flows.deploy import AT_ONCE, ONE_AT_A_TIME, POOL
from mlflow_fraud.core.errors import PublicationRefused
from mlflow_fraud.operations.monitoring.retrainings import read_notes
from mlflow_fraud.operations.publication.publish import Published
from mlflow_fraud.operations.release.promote import Promotion
from tests.conftest import ROOT

LIVE = Published(True, "", False, "pushed")
ASKED_FOR = Published(False, "https://github.example/bank/fraud/pull/1", False, "asked for a merge")
OVERTAKEN = Published(False, "", True, "somebody else's commit came first")

Retrain = Callable[..., tuple[list[str], Any]]


@pytest.fixture
def retrain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Retrain:
    """Run the flow's steps with remotes that answer so, one after the other; return the steps and what came of them."""

    monkeypatch.chdir(tmp_path)

    def retrained(*answers: Published | Exception) -> tuple[list[str], Any]:
        steps: list[str] = []
        left = iter(answers)

        def share(reason: str) -> Published:
            steps.append(f"share, {reason}")
            answer = next(left)
            if isinstance(answer, Exception):
                raise answer
            return answer

        def does(step: str, *, outcome: object = None) -> Callable[..., object]:
            def do(*_: object, **__: object) -> object:
                steps.append(step)
                return outcome

            return do

        class Log:
            def info(self, *_: object) -> None: ...

        for module in (flow, sharing):
            monkeypatch.setattr(module, "get_run_logger", Log)
            monkeypatch.setattr(module, "take_newest", does("newest"))
        monkeypatch.setattr(sharing, "share", share)
        monkeypatch.setattr(sharing, "call_person", does("call"))
        monkeypatch.setattr(flow, "require_workplace", lambda commit: None)
        monkeypatch.setattr(flow, "require_store", lambda first: "")
        monkeypatch.setattr(flow, "make_and_judge", does("make"))
        monkeypatch.setattr(flow, "promotion", does("promote", outcome=Promotion(True, "xgboost-1", ())))
        monkeypatch.setattr(flow, "what_is_live", lambda why: Promotion(False, "xgboost-0", (why,)))
        try:
            outcome = flow.retraining.fn.__wrapped__(reason="f1 below")  # type: ignore[attr-defined]
        except PublicationRefused as error:
            outcome = str(error)
        return steps, outcome

    return retrained


def test_what_is_shared_goes_live_then(retrain: Retrain) -> None:
    assert retrain(LIVE)[0] == ["newest", "make", "share, f1 below", "promote"]
    assert [(each.reason, each.ended) for each in read_notes()] == [("f1 below", "verdict")]


def test_what_the_remote_refuses_never_goes_live(retrain: Retrain) -> None:
    steps, said = retrain(PublicationRefused("main is protected"))
    assert steps == ["newest", "make", "share, f1 below"]
    assert said == "main is protected"
    assert [(each.reason, each.ended) for each in read_notes()] == [("f1 below", "failed")]


def test_who_was_overtaken_makes_and_judges_everything_again(retrain: Retrain) -> None:
    steps, _ = retrain(OVERTAKEN, OVERTAKEN, LIVE)
    again = ["share, f1 below", "newest", "make"]
    assert steps == ["newest", "make", *again, *again, "share, f1 below", "promote"]


def test_who_is_overtaken_each_time_gives_up_and_nothing_goes_live(retrain: Retrain) -> None:
    steps, said = retrain(OVERTAKEN, OVERTAKEN, OVERTAKEN)
    assert "promote" not in steps
    assert said == "somebody else's commit came first 3 times, so nothing goes live; run again"


def test_a_merge_that_is_asked_for_calls_a_person_and_promotes_nothing(retrain: Retrain) -> None:
    steps, outcome = retrain(ASKED_FOR)
    assert steps == ["newest", "make", "share, f1 below", "call"]
    assert outcome == Promotion(False, "xgboost-0", (ASKED_FOR.said,))


@pytest.mark.parametrize(("server", "here", "trains"), [("", False, True), ("x", False, False), ("x", True, True)])
def test_a_retraining_that_no_server_would_start_begins_here(
    server: str, here: bool, trains: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    class Settings:
        class api:
            url = server

    monkeypatch.setattr(asked, "emit_event", lambda event, resource, payload: told.append(payload["reason"]))
    monkeypatch.setattr(asked, "retraining", lambda reason, as_of: told.append(f"here: {reason}"))
    monkeypatch.setattr(asked, "get_current_settings", Settings)
    asked.ask_for_retraining("f1 below", "alarm", here=here)
    assert told == ["f1 below", "here: f1 below"][: 2 if trains else 1]


def test_the_event_that_is_sent_is_the_one_that_the_deployment_waits_for() -> None:
    (ours,) = [each for each in deployments() if each["name"] == "retraining"]
    (trigger,) = ours["triggers"]
    assert (trigger["expect"], trigger["match"]) == ([asked.ASKED], {"prefect.resource.id": asked.LIVE})
    assert set(trigger["parameters"]) <= set(flow.retraining.parameters.properties)


def test_all_that_reads_or_changes_the_clone_is_in_the_queue_of_one_and_a_rollback_waits_for_nothing() -> None:
    queues = {each["name"]: each["work_pool"]["work_queue_name"] for each in deployments()}
    assert {each["work_pool"]["name"] for each in deployments()} == {POOL}
    assert queues.pop("rollback") == AT_ONCE
    assert set(queues.values()) == {ONE_AT_A_TIME}


def deployments() -> list[dict[str, Any]]:
    return list(yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"])


@pytest.mark.parametrize(("state", "said"), [("FAILED", "failed"), ("CRASHED", "crashed"), ("CANCELLED", "cancelled")])
def test_a_run_that_came_to_no_good_end_calls_a_person_without_what_it_said(
    state: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.client.schemas.objects import FlowRun, State, StateType

    told: list[str] = []
    monkeypatch.setattr(person, "call", lambda *words, **more: told.extend([*words, *more.values()]))
    monkeypatch.setattr(person, "url_for", lambda run: None)
    run = FlowRun.model_validate({"flow_id": "00000000-0000-0000-0000-000000000001", "name": "wise-owl"})
    person.on_trouble(flow.retraining, run, State(type=StateType(state), message="card 4000 0000 0000 0002"))
    assert "wise-owl" in told
    assert said in told[0]
    assert "4000" not in " ".join(told)


@pytest.mark.parametrize(
    ("parent", "deployed", "server", "calls"), [(1, 0, 0, 0), (0, 1, 1, 0), (0, 1, 0, 1), (0, 0, 1, 1)]
)
def test_one_call_a_failure_by_the_server_where_it_does(
    parent: int, deployed: int, server: int, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.client.schemas.objects import FlowRun, State, StateType

    told: list[str] = []
    monkeypatch.setattr(person, "call", lambda *words, **more: told.extend(words))
    monkeypatch.setattr(person, "url_for", lambda run: None)
    monkeypatch.setattr(person, "server_calls", lambda: bool(server))
    one = "00000000-0000-0000-0000-000000000001"
    run = {"flow_id": one, "parent_task_run_id": one if parent else None, "deployment_id": one if deployed else None}
    person.on_trouble(flow.retraining, FlowRun.model_validate(run), State(type=StateType.FAILED))
    assert len(told) == calls


@pytest.mark.parametrize("deployment", [each["name"] for each in deployments()])
def test_every_deployed_flow_calls_a_person_when_it_fails_crashes_or_is_cancelled(deployment: str) -> None:
    (entrypoint,) = [each["entrypoint"] for each in deployments() if each["name"] == deployment]
    path, name = entrypoint.split(":")
    found = getattr(import_module(path.removesuffix(".py").replace("/", ".")), name)
    assert found.on_failure_hooks == found.on_crashed_hooks == found.on_cancellation_hooks == [person.on_trouble]
