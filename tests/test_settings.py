"""Settings are typed, and a misspelt one stops the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlflow_fraud.core.errors import SettingsError
from mlflow_fraud.environment import load_environment
from mlflow_fraud.settings import load_params
from tests.conftest import ROOT


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
