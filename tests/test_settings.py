"""Settings are typed, and a misspelt one stops the run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlflow_fraud.core.contract.contract import read_contract
from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.core.strict import parse
from mlflow_fraud.environment import load_environment
from mlflow_fraud.settings import Params, load_params
from tests.conftest import ROOT

SLOW = {"matplotlib", "mlflow", "pandas", "scipy", "sklearn", "xgboost"}
"""They take seconds to import, at each step of a run and each command."""


@pytest.mark.parametrize(
    "module", ["mlflow_fraud.settings", "mlflow_fraud.operations.reporting.summary", "flows.deploy"]
)
def test_who_neither_fits_nor_draws_imports_nothing_that_does(module: str) -> None:
    code = f"import {module}, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {*done.stdout.split()} & SLOW


def params_with(tmp_path: Path, old: str, new: str) -> Path:
    text = (ROOT / "params.yaml").read_text()
    assert old in text
    path = tmp_path / "params.yaml"
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param("    max_depth:", "    max_dept:", "train.xgboost.max_dept.*did you mean max_depth", id="deep"),
        pytest.param("threshold:", "treshold:", "treshold is not known, did you mean threshold", id="at the top"),
        pytest.param("    eta: ", "    eta: fast ", "train.xgboost.eta: .*found 'fast ", id="wrong type"),
        pytest.param("dataset: simulated", "dataset: simulatd", "did you mean simulated", id="unknown data set"),
        pytest.param("at_least: 2", "at_least: 9", "can never be reached", id="impossible rule"),
    ],
)
def test_a_mistake_in_params_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        load_params(params_with(tmp_path, old, new))


def test_a_missing_file_says_where_to_stand(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="run from the repository's top folder"):
        load_params(tmp_path / "params.yaml")


def test_yaml_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("a: [1,\n")
    with pytest.raises(SettingsError, match="is not YAML") as caught:
        load_params(tmp_path / "params.yaml")
    assert "\n" not in str(caught.value)


def test_the_environment_is_read_and_a_misspelt_variable_refused() -> None:
    assert load_environment({"FRAUD_RELEASE_STORE": "s3://live/fraud"}).release_store == "s3://live/fraud"
    with pytest.raises(SettingsError, match=r"FRAUD_TRACKING_URL.*did you mean FRAUD_TRACKING_URI"):
        load_environment({"FRAUD_TRACKING_URL": "x"})


def test_a_secret_is_not_shown() -> None:
    assert "hunter2" not in repr(load_environment({"FRAUD_GITHUB_TOKEN": "hunter2"}))


def numbers_in(document: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the place of each number in a YAML document."""
    if isinstance(document, dict | list):
        for key, value in document.items() if isinstance(document, dict) else enumerate(document):
            yield from numbers_in(value, (*place, key))
    elif isinstance(document, int | float) and not isinstance(document, bool):
        yield place


def with_number(document: Any, place: tuple[Any, ...], value: object) -> Any:
    changed = deepcopy(document)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return changed


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_no_setting_may_be_a_number_that_is_none(value: float) -> None:
    """No comparison with NaN is true, none with infinity false: such a limit guards nothing."""
    document = yaml.safe_load((ROOT / "params.yaml").read_text())
    places = list(numbers_in(document))
    assert len(places) > 50
    for place in places:
        with pytest.raises(SettingsError, match="expected a finite number, found"):
            parse(Params, with_number(document, place, value), where="params.yaml")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), "nan", "-inf", "1e999"])
def test_no_bound_of_a_contract_may_be_a_number_that_is_none(value: object) -> None:
    document = yaml.safe_load((ROOT / "data/contracts/sparkov.yaml").read_text())
    document["table"] = {"minimum_rows": 1000, "fraud_rate": [0.001, 0.1]}
    document["gate"] = {"shift": {"at_most": 0.2}, "rows_against_history": {"at_least": 0.5}}
    places = list(numbers_in(document))
    assert len(places) > 10
    for place in places:
        with pytest.raises(SettingsError, match=r"finite number|is a number, found|valid (number|integer)"):
            read_contract(with_number(document, place, value), where="x.yaml")


def test_a_bound_that_is_no_number_is_one_sentence() -> None:
    document = yaml.safe_load((ROOT / "data/contracts/sparkov.yaml").read_text())
    document["columns"]["amt"]["maximum"] = float("inf")
    with pytest.raises(SettingsError, match=r"^x\.yaml: columns\.amt\.maximum: expected a finite number, found inf$"):
        read_contract(document, where="x.yaml")


def test_the_environment_refuses_a_number_that_is_none_too() -> None:
    with pytest.raises(SettingsError, match="poll_seconds: expected a finite number"):
        load_environment({"FRAUD_POLL_SECONDS": "nan"})
