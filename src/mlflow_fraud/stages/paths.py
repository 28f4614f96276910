"""Where the stages' files lie; `dvc.yaml` names the same paths."""

from __future__ import annotations

from pathlib import Path

TRANSACTIONS = Path("data/transactions.parquet")
VALIDATION_REPORT = Path("data/validation/report.json")
DATA_DOCS = Path("data/validation/docs")
FEATURES = Path("data/features")
SCHEMA = FEATURES / "schema.json"
MODELS = Path("data/models")
DECISION = Path("data/decision")
VERDICT = DECISION / "verdict.json"
REPORT = DECISION / "report.html"
WINDOWS = Path("data/monitoring/windows.json")
EVALUATIONS = Path(".local/evaluation")
LEAKAGE = Path(".local/leakage")
STUDIES = Path(".local/optuna.db")


def part_file(part: str) -> Path:
    """Return the features of one part: train, validation or test."""
    return FEATURES / f"{part}.parquet"


def model_folder(candidate: str) -> Path:
    """Return the folder that holds one candidate's model, metrics and curves."""
    return MODELS / candidate
