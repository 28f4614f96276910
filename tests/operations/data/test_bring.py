"""A data set is described by the time that it spans, and what cannot be split by time is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mlflow_fraud.core.errors import DataError
from mlflow_fraud.operations.data.bring import describe
from mlflow_fraud.settings import load_params
from tests.conftest import ROOT

CONTRACT = """
name: steps
event_id: row_number
columns:
  step: {role: event_time, type: timestamp, unit: hours, since: 2017-12-01}
  amount: {role: amount, type: decimal}
  fraud: {role: label, type: integer}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    (tmp_path / "data/contracts").mkdir(parents=True)
    (tmp_path / "steps.yaml").write_text(CONTRACT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def steps(project: Path, *hours: float) -> Path:
    file = project / "steps.csv"
    file.write_text("step,amount,fraud\n" + "".join(f"{hour},1.5,0\n" for hour in hours))
    return file


def split_of(project: Path, *hours: float, delay: int = 0) -> dict[str, Any]:
    describe(Path("steps.yaml"), steps(project, *hours), delay)
    split: dict[str, Any] = yaml.safe_load(Path("params.yaml").read_text())["datasets"]["steps"]["split"]
    return split


@pytest.mark.parametrize(
    ("hours", "days"),
    [
        pytest.param(range(24 * 30), 6, id="a month"),
        pytest.param(range(48), 0.39, id="two days"),
        pytest.param([hour / 60 for hour in range(60)], 0.0082, id="an hour"),
        pytest.param(range(0, 24 * 9, 5), 1.8, id="nine days"),
    ],
)
def test_a_fifth_of_the_time_is_the_test(project: Path, hours: Any, days: float) -> None:
    assert split_of(project, *hours) == {
        "protocol": "holdout",
        "validation_days": days,
        "test_days": days,
        "label_delay_days": 0,
    }
    rule = load_params().datasets["steps"].split
    assert (rule.validation_days, rule.test_days) == (days, days)


@pytest.mark.parametrize(
    ("hours", "delay", "says"),
    [
        ([5, 5, 5], 0, "all rows are of one moment, 2017-12-01 05:00:00"),
        ([1, 48], 0, "cannot be split by time: .* no row is left for validation"),
        (range(48), 1, "nothing is left to train on|no row is left"),
    ],
    ids=["one moment", "two moments", "labels that come later"],
)
def test_what_cannot_be_split_is_refused_and_nothing_is_written(
    project: Path, hours: Any, delay: int, says: str
) -> None:
    before = Path("params.yaml").read_text()
    with pytest.raises(DataError, match=says):
        describe(Path("steps.yaml"), steps(project, *hours), delay)
    assert Path("params.yaml").read_text() == before
    assert not list(Path("data/contracts").iterdir())
