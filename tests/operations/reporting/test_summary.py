"""What a pull request is told."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from mlflow_fraud.core.features.schema import read_schema
from mlflow_fraud.operations.release.compare import compare
from mlflow_fraud.operations.release.store import open_configured_store
from mlflow_fraud.operations.reporting.summary import retraining_summary
from mlflow_fraud.paths import SCHEMA
from mlflow_fraud.settings import load_params
from mlflow_fraud.stages.lineage import write_lineage


def test_a_retraining_is_told_with_verdict_reasons_and_all_three_candidates(workspace: Path) -> None:
    compare(open_configured_store())
    told = retraining_summary()
    assert "sparkov passed: " in told
    assert "Every rule holds." in told
    assert "no champion yet" in told
    assert all(f"| {candidate} |" in told for candidate in ("logistic", "forest", "xgboost"))


def test_a_run_that_stopped_before_a_verdict_shows_no_metrics_of_an_earlier_one(workspace: Path) -> None:
    assert retraining_summary("HEAD") == "## Retraining stopped before a verdict\n"
    report = Path("data/validation/report.json")
    document = json.loads(report.read_text())
    document["findings"][0] |= {"holds": False, "unexpected": 4}
    document["passed"] = False
    report.write_text(json.dumps(document))
    told = retraining_summary("HEAD")
    assert told.startswith("## Retraining stopped before a verdict")
    assert f"- **critical**: {document['findings'][0]['rule']}: 4 rows do not comply" in told
    assert "xgboost" not in told


@pytest.mark.slow
def test_metrics_are_set_beside_those_of_a_revision(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compare(open_configured_store())
    metrics = Path("data/models/xgboost/metrics.json")
    now = metrics.read_text()
    document = json.loads(now)
    Path("dvc.yaml").write_text("metrics: [data/models/xgboost/metrics.json]\n")
    metrics.write_text(json.dumps(document | {"test": document["test"] | {"f1": 0.125}}))
    for command in (
        ["git", "init", "--quiet"],
        ["dvc", "init", "--quiet"],
        ["git", "add", "--force", "dvc.yaml", str(metrics)],
        ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "--quiet", "--message", "before"],
    ):
        subprocess.run(command, check=True)
    metrics.write_text(now)
    assert f"| xgboost | f1 | 0.1250 | {document['test']['f1']:.4f} |" in retraining_summary("HEAD")
    for text, said in ((json.dumps(document | {"test": document["test"] | {"f1": None}}), "-"), (now, "")):
        metrics.write_text(text)
        write_lineage(
            "xgboost", "xgboost", load_params(), read_schema(json.loads(SCHEMA.read_text()), where="test"), best=None
        )
        assert f"| xgboost | f1 | 0.1250 | {said}" in retraining_summary("HEAD")
    subprocess.run(["git", "add", str(metrics)], check=True)
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "--quiet", "--message", "now"],
        check=True,
    )
    assert "No metric that `HEAD` has is another now." in retraining_summary("HEAD")
