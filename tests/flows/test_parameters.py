"""What a deployment hands to a flow is read as the flow's own types."""

from __future__ import annotations

from datetime import datetime
from importlib import import_module
from typing import Any

import pytest
import yaml

from flows.collection import collection
from flows.monitoring import monitoring
from flows.retraining import retraining
from flows.validation import validation
from tests.conftest import ROOT

DEPLOYED: list[dict[str, Any]] = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]


def test_an_instant_that_a_deployment_writes_as_text_is_read_as_one() -> None:
    for flow in (collection, validation, retraining, monitoring):
        needed = {"windows": []} if flow is monitoring else {}
        given = flow.validate_parameters({**needed, "as_of": "2020-12-31T00:00:00"})
        assert given["as_of"] == datetime(2020, 12, 31)


@pytest.mark.parametrize("deployed", DEPLOYED, ids=lambda deployed: str(deployed["name"]))
def test_the_form_of_a_deployment_says_what_each_parameter_is_and_has_those_that_it_sets(
    deployed: dict[str, Any],
) -> None:
    file, name = deployed["entrypoint"].split(":")
    form = getattr(import_module(file.removesuffix(".py").replace("/", ".")), name).parameters.properties
    assert [key for key, told in form.items() if not told.get("description")] == []
    assert set(deployed.get("parameters") or {}) <= set(form)
