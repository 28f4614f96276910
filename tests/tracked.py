"""A training that is logged in no time, and an MLflow file that need not be made anew for each test."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlflow_fraud.adapters.mlflow_runs import TrainingRun
from mlflow_fraud.adapters.mlflow_tracking import Tracking
from mlflow_fraud.adapters.model_export import model_bytes


@cache
def model() -> bytes:
    import xgboost

    x = np.random.default_rng(1).normal(size=(60, 2)).astype(np.float32)
    matrix = xgboost.DMatrix(x, label=(x[:, 0] > 0).astype(int), feature_names=["amount", "hour"])
    told = {"objective": "binary:logistic", "max_depth": 2, "nthread": 1}
    return model_bytes(xgboost.train(told, matrix, num_boost_round=2))[1]


def a_training(folder: Path, **other: Any) -> TrainingRun:
    """Return the training of a tiny model, its one figure in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    figure = folder / "confusion.png"
    figure.write_bytes(b"a picture")
    told: dict[str, Any] = {
        "key": "a-key",
        "group": "a-group",
        "candidate": "xgboost",
        "model_file": "model.onnx",
        "model": model(),
        "names": ["amount", "hour"],
        "example": np.ones((1, 2), np.float32),
        "params": {"max_depth": 2},
        "metrics": {"validation": {"f1": 0.8}, "test": {"f1": 0.9}},
        "threshold": 0.5,
        "intervals": {"f1": (0.85, 0.95)},
        "calibration": {"method": "none"},
        "rounds": [{"round": 0, "validation": 0.7}],
        "figures": [figure],
        "data": {"data/transactions.parquet": "0" * 32},
        "tags": {"git_sha": "0" * 40},
    }
    return TrainingRun(**told | other)


@pytest.fixture(scope="session")
def made_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow file with its tables and nothing else: making one takes seconds."""
    folder = tmp_path_factory.mktemp("mlflow")
    Tracking(f"sqlite:///{folder}/mlflow.db", "first", str(folder), "first").check()
    return folder / "mlflow.db"


@pytest.fixture
def project(made_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder with an MLflow file of its own, entered."""
    folder = tmp_path / "a project"
    (folder / ".local").mkdir(parents=True)
    shutil.copy(made_database, folder / ".local/mlflow.db")
    monkeypatch.chdir(folder)
    return folder


def tracking(**other: str) -> Tracking:
    """Return the tracking of the project entered, by the settings that it has by default."""
    told = {
        "uri": "sqlite:///.local/mlflow.db",
        "experiment": "fraud",
        "artifact_location": ".local/mlflow-artifacts",
        "model_name": "fraud",
    }
    return Tracking(**told | other)


@contextmanager
def database(project: Path) -> Iterator[sqlite3.Connection]:
    with sqlite3.connect(project / ".local/mlflow.db") as connection:
        yield connection
    connection.close()
