"""The flow `rollback` begins beside any other run, moves the pointer once, and ends clearly."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from flows import endings
from flows import rollback as flow
from mlflow_fraud.core.errors import SettingsError
from tests.conftest import ROOT


def never(**_: object) -> None:
    raise AssertionError("it waits for another run")


def test_it_waits_for_no_other_run_and_ends_with_the_sentence_of_what_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(reason: str, to: str) -> None:
        raise SettingsError(f"{to} was never live")

    monkeypatch.setattr(endings, "one_at_a_time", never)
    monkeypatch.setattr(flow, "move", stopped)
    ended: Any = flow.rollback.fn(reason="so", to="xgboost-9")
    assert (ended.type.value, ended.message) == ("FAILED", "xgboost-9 was never live")


def test_a_move_is_never_repeated_by_itself_and_the_alias_is() -> None:
    assert flow.move.retries == 0
    assert flow.follow.retries == 3


def test_the_deployment_asks_for_a_reason_and_hands_over_what_the_flow_takes() -> None:
    deployments: list[dict[str, Any]] = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    (ours,) = [each for each in deployments if each["name"] == "rollback"]
    taken = flow.rollback.parameters
    assert set(ours["parameters"]) < set(taken.properties) == {"reason", "to"}
    assert taken.required == ["reason"]
