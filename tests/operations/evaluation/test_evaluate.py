"""Each protocol is one command that leaves the same table, files and MLflow runs however often it is given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from mlflow_fraud.core.errors import DataError, SettingsError
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.evaluation.evaluate import evaluate
from mlflow_fraud.stages.logged import open_tracking

ROLL = {"train_days": 120, "validation_days": 40, "label_delay_days": 7, "test_days": 30, "folds": 3}


@pytest.fixture
def rolling(workspace: Path) -> Path:
    """The workspace with folds that its 240 days have room for, and a second data set in it."""
    change(workspace, lambda params: params["evaluate"].update(prequential=ROLL))
    return workspace


def change(workspace: Path, edit: object) -> None:
    params = yaml.safe_load((workspace / "params.yaml").read_text())
    edit(params)  # type: ignore[operator]
    (workspace / "params.yaml").write_text(yaml.safe_dump(params))


def runs() -> int:
    tracking = open_tracking(load_environment())
    return len(tracking._client.search_runs([tracking._experiment_id], "params.protocol LIKE '%'"))


def test_the_holdout_gives_what_the_pipeline_gives(workspace: Path) -> None:
    evaluate("holdout", "xgboost")
    found = json.loads((workspace / ".local/evaluation/simulated-holdout-xgboost.json").read_text())
    stage = json.loads((workspace / "data/models/xgboost/metrics.json").read_text())
    assert [fold["assessment"] for fold in found["folds"]] == [stage]


@pytest.mark.slow
def test_prequential_shows_each_fold_mean_and_deviation_and_logs_them_once(rolling: Path) -> None:
    page = evaluate("prequential", "logistic")
    assert [page.count(f"| fold {number}: ") for number in (1, 2, 3, 4)] == [1, 1, 1, 0]
    assert "| mean | " in page
    assert "| standard deviation | " in page
    assert runs() == 4
    files = {path: path.read_bytes() for path in (rolling / ".local/evaluation").iterdir()}
    assert evaluate("prequential", "logistic") == page
    assert runs() == 4
    assert {path: path.read_bytes() for path in (rolling / ".local/evaluation").iterdir()} == files


@pytest.mark.slow
def test_the_runs_of_the_folds_are_under_one_run(rolling: Path) -> None:
    evaluate("prequential", "logistic")
    tracking = open_tracking(load_environment())
    found = tracking._client.search_runs([tracking._experiment_id], "params.protocol = 'prequential'")
    parents = {run.data.tags.get("mlflow.parentRunId") for run in found}
    [whole] = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    assert parents == {None, whole.info.run_id}
    mean = sum(run.data.metrics["average_precision"] for run in found if run is not whole) / 3
    assert whole.data.metrics["average_precision"] == pytest.approx(mean)
    assert whole.data.metrics["average_precision_std"] > 0


@pytest.mark.slow
def test_another_data_set_is_judged_from_its_raw_batches_without_becoming_the_active_one(rolling: Path) -> None:
    change(rolling, lambda params: params["datasets"].update(twin=params["datasets"]["simulated"]))
    (rolling / "data/raw/simulated").rename(rolling / "data/raw/twin")
    first = evaluate("holdout", "logistic", "twin")
    (rolling / "data/raw/twin").rename(rolling / "data/raw/simulated")
    assert first.replace("twin", "simulated") == evaluate("holdout", "logistic")


def test_a_table_of_other_batches_than_those_pinned_is_not_used(workspace: Path) -> None:
    raw = workspace / "data/raw/simulated"
    for suffix in ("", ".dvc"):
        (raw / f"2020.csv{suffix}").rename(raw / f"2021.csv{suffix}")
    with pytest.raises(DataError, match=r"holds the batches \['2020'\], simulated has \['2021'\]; run `dvc repro"):
        evaluate("holdout", "logistic")


def test_a_test_without_fraud_proves_nothing(rolling: Path) -> None:
    change(rolling, lambda params: params["evaluate"].update(prequential=ROLL | {"test_days": 1}))
    with pytest.raises(DataError, match=r"fold \d: .* the test rows hold no fraud .*make that period longer"):
        evaluate("prequential", "logistic")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(("prequental", "xgboost", ""), "did you mean prequential", id="protocol"),
        pytest.param(("holdout", "xgbost", ""), "did you mean xgboost", id="candidate"),
        pytest.param(("holdout", "xgboost", "simulatd"), "did you mean simulated", id="data set"),
        pytest.param(("official", "xgboost", ""), "names no test batch", id="no official test"),
    ],
)
def test_a_wrong_word_is_named(words: tuple[str, str, str], message: str, workspace: Path) -> None:
    with pytest.raises(SettingsError, match=message):
        evaluate(*words)


def test_a_stated_test_is_one_command_and_stays_the_same_whatever_is_learned_from(rolling: Path) -> None:
    stated = {"folds": 1, "test_days": 40, "test_until": "2020-07-31", "known_days": 30}
    file = rolling / ".local/evaluation/simulated-prequential-logistic.json"
    found = []
    for train_days in (100, 130):
        page = evaluate("prequential", "logistic", rolling={**stated, "train_days": train_days}, alerts_per_day=7)
        assert "| fold 1: 2020-06-22 to 2020-07-31 (" in page
        assert "test_until 2020-07-31, known_days 30; k is 7 alerts a day, as" in page
        assert page.splitlines()[4].endswith("| card precision at k |")
        found.append(json.loads(file.read_text())["folds"][0]["assessment"]["test"])
    assert found[0]["rows"] == found[1]["rows"]
    assert found[0]["frauds"] == found[1]["frauds"] > 0
    assert found[0]["alert_budget"] == found[1]["alert_budget"] == 7


@pytest.mark.parametrize(
    ("protocol", "rolling_days", "message"),
    [
        pytest.param("holdout", {"test_until": "2020-07-31"}, "test-until belong to the protocol preq", id="holdout"),
        pytest.param("prequential", {"test_until": "July"}, "test_until: expected a day like 2020-01-31", id="no day"),
        pytest.param("prequential", {"test_until": "2020-08-27"}, "let the test end by 2020-08-20", id="too late"),
        pytest.param("prequential", {"train_days": 40}, "take all of train_days", id="nothing to learn from"),
        pytest.param("prequential", {"known_days": -1}, "known_days: .*greater than or equal to 0", id="in the future"),
    ],
)
def test_options_that_cannot_be_are_one_sentence(
    rolling: Path, protocol: str, rolling_days: dict[str, object], message: str
) -> None:
    with pytest.raises((SettingsError, DataError), match=message):
        evaluate(protocol, "logistic", rolling=rolling_days)
    assert not (rolling / ".local/evaluation").exists()
