"""A trained candidate's run in MLflow: made from its files, so it can be made again at any time."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import polars as pl

from mlflow_fraud.adapters import git_repo
from mlflow_fraud.adapters.files import read_json
from mlflow_fraud.adapters.mlflow_tracking import Logged, Tracking, TrainingRun
from mlflow_fraud.environment import Environment, load_environment
from mlflow_fraud.settings import load_params
from mlflow_fraud.stages.paths import VERDICT, part_file
from mlflow_fraud.stages.run import say
from mlflow_fraud.stages.trained import TrainedCandidate, read_trained


def track(candidate: str) -> Logged:
    """Make sure that the candidate's run and registered version exist; return where they are."""
    trained = read_trained(candidate, load_params())
    return open_tracking(load_environment()).ensure_logged(_run(trained))


def track_if_possible(candidate: str) -> None:
    """Track; where MLflow cannot be reached, say so and keep the model that was just trained."""
    try:
        logged = track(candidate)
    except Exception as error:  # whatever MLflow raises, hours of training are worth more
        say(f"warning: {candidate} is not in MLflow ({error}); `mlflow-fraud track` tries again")
    else:
        say(f"{candidate}: MLflow run {logged.run_id}, model version {logged.model_version}")


def mark_challenger() -> None:
    """Let the alias `challenger` name the candidate that `verdict.json` is about."""
    version = track(read_json(VERDICT)["challenger"]["candidate"]).model_version
    open_tracking(load_environment()).set_alias("challenger", version)


def open_tracking(environment: Environment) -> Tracking:
    """Return the MLflow that the environment names."""
    return Tracking(
        environment.tracking_uri, environment.experiment, environment.artifact_location, environment.model_name
    )


def _run(trained: TrainedCandidate) -> TrainingRun:
    return TrainingRun(
        key=trained.key,
        group=hashlib.sha256(json.dumps(dict(trained.data), sort_keys=True).encode()).hexdigest(),
        candidate=trained.name,
        model_file=trained.model_file.name,
        model=trained.model,
        names=trained.schema.names,
        example=_medians(trained.schema.names),
        params=trained.params,
        metrics={"validation": trained.assessment.validation, "test": trained.assessment.test},
        threshold=trained.assessment.threshold,
        rounds=trained.rounds,
        intervals=trained.assessment.intervals,
        calibration=trained.assessment.calibration.model_dump(mode="json"),
        figures=[trained.folder / name for name in ("precision_recall.png", "confusion.png", "reliability.png")],
        data=trained.data,
        tags={"git_sha": git_repo.head(), "feature_schema": trained.schema.sha256},
    )


def _medians(names: list[str]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Return one made-up row: the median of each feature."""
    medians = pl.scan_parquet(part_file("validation")).select(pl.col(names).median()).collect()
    return medians.fill_null(0.0).to_numpy().astype(np.float32)
