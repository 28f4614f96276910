"""The shipped settings on a real-layout archive, official split: the accuracy that README states, and how fast."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from mlflow_fraud.operations.data.add import check
from mlflow_fraud.operations.data.use import use
from mlflow_fraud.stages.ingest import ingest
from mlflow_fraud.stages.preprocess import preprocess
from mlflow_fraud.stages.train import train
from mlflow_fraud.stages.validate import validate
from tests.conftest import ROOT, write_pointer

ARCHIVE = ROOT.parent / "shared/data/sparkov/archive.zip"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not ARCHIVE.is_file(), reason=f"the real-layout archive is not at {ARCHIVE}"),
]


def test_xgboost_clears_the_bar_at_the_threshold_that_validation_chose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "data/contracts", tmp_path / "data/contracts")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile(ARCHIVE) as packed:
        packed.extractall("data/raw/sparkov")
    for batch in Path("data/raw/sparkov").glob("*.csv"):
        write_pointer(batch)
    use("sparkov")
    ingest()
    validate()
    preprocess()
    train("xgboost")
    metrics = json.loads(Path("data/models/xgboost/metrics.json").read_text())
    assert metrics["test"]["rows"] == 182_648
    assert metrics["test"]["f1"] >= 0.96
    assert metrics["test"]["precision"] >= 0.97
    assert metrics["test"]["recall"] >= 0.945
    assert metrics["test"]["average_precision"] >= 0.978
    assert metrics["test"]["roc_auc"] >= 0.998
    assert abs(metrics["test"]["calibration_error"]) < 0.002


def test_the_gate_passes_the_archive_and_tells_its_two_oddities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "data/contracts", tmp_path / "data/contracts")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    report = check(ARCHIVE, "sparkov", Path("gate"))
    assert report.passed
    assert report.rows == 609_755
    told = Path("gate/summary.md").read_text()
    assert told.count("- **warning**") == len(report.warnings) == 2
    assert "no day is missing: 1 batch does not comply, for example fraudTrain (2020-02-29)" in told
    assert "the two clocks keep their distance: 1 batch does not comply, for example fraudTrain (86400)" in told
    assert report.headline in Path("gate/index.html").read_text()
    assert not Path("data/raw").exists()
