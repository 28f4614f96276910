"""For which files `retrain.yml` starts: read from `dvc.yaml`, so that no stage's code changes without a retraining."""

from __future__ import annotations

import re
from pathlib import Path

from mlflow_fraud.operations.review.paths import trigger_paths
from mlflow_fraud.paths import PIPELINE

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / ".github/workflows/retrain.yml"
LIST = re.compile(r"(    paths: #[^\n]*\n)(?:      - [^\n]*\n)+")


def workflow() -> str:
    """Return the workflow with the list that the pipeline makes."""
    made = "".join(f"      - {path}\n" for path in trigger_paths(ROOT / PIPELINE))
    return LIST.sub(lambda found: found[1] + made, WORKFLOW.read_text(encoding="utf-8"), count=1)
