"""A trained candidate's run in MLflow: made from its files, so it can be made again at any time."""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

from mlflow_fraud.adapters.mlflow_runs import TrainingRun
from mlflow_fraud.adapters.mlflow_tracking import Logged, Tracking
from mlflow_fraud.core.errors import TrackingFailed
from mlflow_fraud.environment import Environment, load_environment
from mlflow_fraud.stages.lineage import FIGURES, require_as_left
from mlflow_fraud.stages.origin import code_of
from mlflow_fraud.stages.run import say, taking_long
from mlflow_fraud.stages.trained import TrainedCandidate, read_trained


class Tried(NamedTuple):
    """Where MLflow has a candidate, or `why` it does not; `away` where the next one would be asked in vain, too."""

    logged: Logged | None
    why: str = ""
    away: bool = False


def track(candidate: str) -> Logged:
    """Make sure that the candidate's run and registered version exist; return where they are."""
    trained = read_trained(candidate)
    return open_tracking(load_environment()).ensure_logged(_run(trained, code_of(candidate)))


def try_to_track(candidate: str, *, git_sha: str = "") -> Tried:
    """Track; where MLflow cannot be used, return why, and keep the model that was trained.

    `git_sha` is the code that trains, for a stage that is still at it; else it is told by `dvc.lock`.
    """
    try:
        trained = read_trained(candidate)
        with taking_long(f"{candidate}: to MLflow"):
            logged = open_tracking(load_environment()).ensure_logged(_run(trained, git_sha or code_of(candidate)))
    except Exception as error:  # whatever MLflow raises, hours of training are worth more
        return Tried(None, why=str(error), away=isinstance(error, TrackingFailed))
    say(f"{candidate}: MLflow run {logged.run_id}, model version {logged.model_version}")
    return Tried(logged)


def track_if_possible(candidate: str, *, git_sha: str = "") -> Logged | None:
    """Try to track; where MLflow cannot be used, say so in one line and return None."""
    logged, why, _ = try_to_track(candidate, git_sha=git_sha)
    if logged is None:
        say(f"warning: {candidate} is not in MLflow ({why}); `mlflow-fraud track` makes up for it")
    return logged


def open_tracking(environment: Environment) -> Tracking:
    """Return the MLflow that the environment names."""
    return Tracking(
        environment.tracking_uri, environment.experiment, environment.artifact_location, environment.model_name
    )


def _run(trained: TrainedCandidate, git_sha: str) -> TrainingRun:
    require_as_left(trained.name, trained.lineage, *FIGURES)
    return TrainingRun(
        key=trained.key,
        group=hashlib.sha256(json.dumps(dict(trained.data), sort_keys=True).encode()).hexdigest(),
        candidate=trained.name,
        model_file=trained.model_file.name,
        model=trained.model,
        names=trained.schema.names,
        example=trained.lineage.matrix[[len(trained.lineage.rows) // 2]],
        params=trained.params,
        metrics={"validation": trained.assessment.validation, "test": trained.assessment.test},
        threshold=trained.assessment.threshold,
        expected_loss=trained.assessment.expected_loss,
        rounds=trained.rounds,
        intervals=trained.assessment.intervals,
        calibration=trained.assessment.calibration.model_dump(mode="json"),
        figures=[trained.folder / name for name in FIGURES],
        data=trained.data,
        tags={"git_sha": git_sha, "feature_schema": trained.schema.sha256, "of": trained.candidate},
    )
