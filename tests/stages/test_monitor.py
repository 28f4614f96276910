"""A window of the live release is measured as the candidates were."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mlflow_fraud.adapters.files import read_json
from mlflow_fraud.adapters.release_store import open_store
from mlflow_fraud.core.measuring.evaluation import COUNTS, HIGHER_IS_BETTER, LOWER_IS_BETTER
from mlflow_fraud.simulation import simulate
from mlflow_fraud.stages.compare import compare
from mlflow_fraud.stages.monitor import watch
from mlflow_fraud.stages.paths import WINDOWS
from mlflow_fraud.stages.promote import promote
from mlflow_fraud.stages.summary import windows_summary
from tests.stages.conftest import PLAN


@pytest.mark.usefixtures("workspace")
def test_a_window_has_every_metric_and_the_teams_numbers_are_in_its_line() -> None:
    store = open_store("live")
    compare(store, first=True)
    promote(store)
    later = replace(PLAN, start=PLAN.start + timedelta(days=PLAN.days), days=30, transactions=2000)
    Path("month.csv").write_bytes(simulate(later).write_csv().encode())

    window = watch(Path("month.csv"), [], store)

    assert set(window.metrics) == {*HIGHER_IS_BETTER, *LOWER_IS_BETTER, *COUNTS, "drift"}
    assert read_json(WINDOWS)[0]["money_saved"] == window.metrics["money_saved"]
    assert f"{window.metrics['bursts_caught']:.4g}" in windows_summary()
