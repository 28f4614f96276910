from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from mlflow_fraud.adapters.prediction_log.entries import Payment
from mlflow_fraud.adapters.prediction_log.log import PredictionLog
from mlflow_fraud.core.features.schema import FeatureSchema
from tests.conftest import ROOT
from tests.records import fill, log

__all__ = ["log"]


@pytest.fixture
def desk(tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the shipped settings and contract, whose record is at `address`."""
    folder = tmp_path / "desk"
    shutil.copytree(ROOT / "data/contracts", folder / "data/contracts")
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FRAUD_PREDICTION_LOG", address)
    return folder


@pytest.fixture
def filled(desk: Path, log: PredictionLog, schema: FeatureSchema) -> list[Payment]:
    """What a record of fifty payments holds."""
    return fill(log, schema)
