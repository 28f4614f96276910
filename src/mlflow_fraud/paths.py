"""Where things lie on disk, each said once; tests hold `dvc.yaml` and `.gitignore` to it."""

from __future__ import annotations

from pathlib import Path

PARAMS_FILE = Path("params.yaml")
PIPELINE = Path("dvc.yaml")
LOCK = Path("dvc.lock")
DVC_CONFIG = Path(".dvc/config")
DVC_LOCAL = Path(".dvc/config.local")
DVC_RWLOCK = Path(".dvc/tmp/rwlock")

# what is pinned, and what the stages make of it
DATA = Path("data")
CONTRACTS = DATA / "contracts"
TRANSACTIONS = DATA / "transactions.parquet"
VALIDATION_REPORT = DATA / "validation/report.json"
DATA_DOCS = DATA / "validation/docs"
FEATURES = DATA / "features"
SCHEMA = FEATURES / "schema.json"
MODELS = DATA / "models"
SHIPPED = "shipped"
"""The folder among the models of the one that would go live."""
DECISION = DATA / "decision"
VERDICT = DECISION / "verdict.json"
REPORT = DECISION / "report.html"
MONITORING = DATA / "monitoring"
WINDOWS = MONITORING / "windows.json"
ASKED = MONITORING / "asked.json"
WATCH_PAGE = MONITORING / "report.html"

# this machine's own, in no commit
LOCAL = Path(".local")
RUN_LOCK = LOCAL / "run.lock"
MLFLOW_FILE = LOCAL / "mlflow.db"
MLFLOW_ARTIFACTS = LOCAL / "mlflow-artifacts"
RELEASES = LOCAL / "releases"
LAST_GOOD = LOCAL / "last-good"
PREDICTION_LOG = LOCAL / "record.db"
JOURNAL = LOCAL / "journal"
"""Where a program before the record kept what it scored."""
API_KEYS = LOCAL / "api-keys.json"
STREAM = LOCAL / "stream"
KINDS = LOCAL / "kinds"
GATE = LOCAL / "gate"
EVALUATIONS = LOCAL / "evaluation"
LEAKAGE = LOCAL / "leakage"
STUDIES = LOCAL / "optuna.db"


def raw_folder(dataset: str) -> Path:
    """Return the folder of a data set's raw batches and their pointers."""
    return DATA / "raw" / dataset


def forgotten_list(contract: str) -> Path:
    """Return the list of the people of a contract who are forgotten; there is none where nobody is."""
    return CONTRACTS / f"{contract}.forgotten"


def part_file(part: str) -> Path:
    """Return the features of one part: train, validation or test."""
    return FEATURES / f"{part}.parquet"


def model_folder(candidate: str) -> Path:
    """Return the folder that holds one candidate's model, metrics and curves."""
    return MODELS / candidate
