"""A tracking server that goes away while models are trained: training goes on, promotion waits, nothing is lost."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from mlflow_fraud.adapters.release_store import open_store
from tests.e2e.desk import Desk
from tests.mlflow_server import MlflowServer
from tests.runbook import typed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_training_goes_on_without_the_server_and_promotion_says_what_it_needs(desk: Desk, tmp_path: Path) -> None:
    store = open_store(str(desk.path(".local/releases")))
    before = store.latest()
    params = desk.path("params.yaml")
    params.write_text(params.read_text().replace("eta: 0.2", "eta: 0.3").replace("trees: 10", "trees: 14"))
    (tmp_path / "server").mkdir()
    with MlflowServer(tmp_path / "server") as server:
        desk.environ |= {"FRAUD_TRACKING_URI": server.uri, "MLFLOW_HTTP_REQUEST_TIMEOUT": "3"}
        flow = desk.starts("python", "-m", "flows.retraining")
        assert flow.stdout is not None
        lines, began = [], time.monotonic()
        for line in flow.stdout:
            lines.append(line)
            if "stages.train forest" in line:
                server.send(signal.SIGSTOP)  # it takes connections and answers no more
                began = time.monotonic()
        flow.wait(60)
        said, took = "".join(lines), time.monotonic() - began

        assert "Traceback" not in said
        assert "Running stage 'train@xgboost'" in said
        for candidate in ("forest", "xgboost", "shipped"):
            assert said.count(f"warning: {candidate} is not in MLflow") == 1
        assert said.count("not in MLflow: forest, xgboost, shipped; `mlflow-fraud track` makes up for it") == 1
        assert took < 150  # a few questions of three seconds, and the work
        assert store.latest() == before
        server.send(signal.SIGKILL)
        if flow.returncode:  # there was something to promote
            (sentence,) = [line for line in lines if line.startswith("error: ")]
            assert "nothing was promoted; `mlflow-fraud promote` does it when MLflow is there" in sentence

        server.start()

        assert desk.types(typed("mlflow-fraud track")).count("new: True") == 3
        assert "live: " in desk.does("mlflow-fraud", "promote")
        assert desk.does("mlflow-fraud", "track").count("new: False") == 4
