"""The candidate that challenges, as the release it would become."""

from __future__ import annotations

import sys
from importlib.metadata import version as library_version
from pathlib import Path

import numpy as np
import polars as pl

from mlflow_fraud.adapters import git_repo
from mlflow_fraud.adapters.dvc_repo import locked_data
from mlflow_fraud.adapters.mlflow_tracking import Logged
from mlflow_fraud.core.candidates import CANDIDATES
from mlflow_fraud.core.decision import Verdict, select
from mlflow_fraud.core.features.batch import model_matrix
from mlflow_fraud.core.release import (
    FORMAT,
    GOLDEN_FILE,
    Golden,
    Manifest,
    Release,
    entry,
    version_of,
)
from mlflow_fraud.settings import Params
from mlflow_fraud.stages.paths import part_file
from mlflow_fraud.stages.trained import TrainedCandidate, read_trained
from mlflow_fraud.wall import stamp

GOLDEN_ROWS = 5
LIBRARIES = ("numpy", "onnxruntime", "polars", "xgboost")


def choose_challenger(params: Params) -> TrainedCandidate:
    """Return the candidate with the best validation metric; the test period has no say in it."""
    trained = {name: read_trained(name, params) for name in CANDIDATES}
    best = select({name: t.assessment.validation for name, t in trained.items()}, params.compare.select_by)
    return trained[best]


def core_files(challenger: TrainedCandidate) -> dict[str, bytes]:
    """Return the files that decide what the release answers; the version is their hash."""
    return {
        challenger.model_file.name: challenger.model,
        "schema.json": challenger.schema.to_json().encode(),
        GOLDEN_FILE: _golden(challenger).model_dump_json().encode(),
    }


def release_version(challenger: TrainedCandidate) -> str:
    """Return the version that the challenger has, or would have, as a release."""
    settled = challenger.assessment
    return version_of(challenger.name, core_files(challenger), settled.threshold, settled.calibration)


def build_release(challenger: TrainedCandidate, logged: Logged, verdict: Verdict) -> Release:
    """Return the whole release: what answers, and what leads back to where it came from."""
    decisive = core_files(challenger)
    files = decisive | {name: Path(name).read_bytes() for name in ("dvc.lock", "params.yaml") if Path(name).is_file()}
    manifest = Manifest(
        format=FORMAT,
        version=release_version(challenger),
        created=stamp(),
        candidate=challenger.name,
        model_file=challenger.model_file.name,
        threshold=challenger.assessment.threshold,
        calibration=challenger.assessment.calibration,
        feature_schema_sha256=challenger.schema.sha256,
        git_sha=git_repo.head(),
        data=locked_data() | dict(challenger.data),
        mlflow_run_id=logged.run_id,
        mlflow_model_version=logged.model_version,
        metrics={"validation": challenger.assessment.validation, "test": challenger.assessment.test},
        verdict=verdict.reasons,
        libraries=_libraries(),
        files={name: entry(content) for name, content in files.items()},
    )
    return Release(manifest, files)


def _golden(challenger: TrainedCandidate) -> Golden:
    """Return made-up rows, the quantiles of every feature, with the probabilities that the model gives them."""
    names = challenger.schema.names
    levels = np.linspace(0.02, 0.98, GOLDEN_ROWS)
    table = pl.scan_parquet(part_file("validation"))
    rows = pl.concat([table.select(pl.col(names).quantile(level)) for level in levels]).collect()
    matrix = model_matrix(rows.cast(pl.Float32), challenger.schema)
    scores = challenger.scorer.score(matrix)
    listed = tuple(tuple(None if np.isnan(value) else float(value) for value in row) for row in matrix)
    return Golden(rows=listed, scores=tuple(float(score) for score in scores))


def _libraries() -> dict[str, str]:
    return {"python": sys.version.split()[0], **{name: library_version(name) for name in LIBRARIES}}
