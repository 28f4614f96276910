"""Where things lie on disk, each said once; tests hold `dvc.yaml` and `.gitignore` to it."""

from __future__ import annotations

from pathlib import Path

PARAMS_FILE = Path("params.yaml")
PIPELINE = Path("dvc.yaml")
LOCK = Path("dvc.lock")
DVC_CONFIG = Path(".dvc/config")
DVC_LOCAL = Path(".dvc/config.local")
DVC_RWLOCK = Path(".dvc/tmp/rwlock")
DVC_CACHE = Path(".dvc/cache")

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
RAW = DATA / "raw"
POINTER = ".dvc"
"""How the file beside a raw one ends that git keeps, with the hash of what DVC keeps."""
PUBLISHED = (RAW, LOCK, MODELS, DECISION)
"""Where what a retraining brings lies, as far as git keeps it: pointers, `dvc.lock`, metrics, decisions."""
MONITORING = DATA / "monitoring"
WINDOWS = MONITORING / "windows.json"
ASKED = MONITORING / "asked.json"
RETRAININGS = MONITORING / "retrainings.json"
"""What became of the last retrainings in this folder."""
WATCH_PAGE = MONITORING / "report.html"

# this machine's own, in no commit
LOCAL = Path(".local")
RUN_LOCK = LOCAL / "run.lock"
CLONE = LOCAL / "clone"
"""The clone in which a worker on this machine works."""
MLFLOW_FILE = LOCAL / "mlflow.db"
MLFLOW_ARTIFACTS = LOCAL / "mlflow-artifacts"
RELEASES = LOCAL / "releases"
LAST_GOOD = LOCAL / "last-good"
PREDICTION_LOG = LOCAL / "record.db"
JOURNAL = LOCAL / "journal"
"""Where a program before the record kept what it scored."""
API_KEYS = LOCAL / "api-keys.json"
STACK = LOCAL / "stack"
"""Where the servers of `make stack` keep what they have."""
STREAM = LOCAL / "stream"
KINDS = LOCAL / "kinds"
GATE = LOCAL / "gate"
REFUSED = LOCAL / "refused"
"""Batches that the gate did not let in, with its reports."""
EVALUATIONS = LOCAL / "evaluation"
WHAT_IF = LOCAL / "what-if"
LEAKAGE = LOCAL / "leakage"
PREVIEW = LOCAL / "preview"
"""What a pull request would say: the comment as a page and as Markdown, and what led to it."""
STUDIES = LOCAL / "optuna.db"


def raw_folder(dataset: str) -> Path:
    """Return the folder of a data set's raw batches and their pointers."""
    return RAW / dataset


def decision_file(version: str) -> Path:
    """Return where the decision on one version is kept: by what it judges, so that no two ever touch one file."""
    return DECISION / f"{version}.json"


def corrections_folder(dataset: str) -> Path:
    """Return the folder of what changes a data set's pinned rows; there is none where nothing does."""
    return raw_folder(dataset) / "corrections"


def corrections_aside(dataset: str) -> Path:
    """Return where the corrections of a data set are named that may not come in; there is none where all may."""
    return REFUSED / dataset / "corrections.json"


def forgotten_list(contract: str) -> Path:
    """Return the list of the people of a contract who are forgotten; there is none where nobody is."""
    return CONTRACTS / f"{contract}.forgotten"


def part_file(part: str) -> Path:
    """Return the features of one part: train, validation or test."""
    return FEATURES / f"{part}.parquet"


def model_folder(candidate: str) -> Path:
    """Return the folder that holds one candidate's model, metrics and curves."""
    return MODELS / candidate
