"""A trained candidate's run in MLflow: made from its files, so it can be made again at any time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import NamedTuple

from mlflow_fraud.adapters.files import read_json
from mlflow_fraud.adapters.mlflow_runs import TrainingRun
from mlflow_fraud.adapters.mlflow_tracking import Logged, Tracking
from mlflow_fraud.core.errors import TrackingFailed
from mlflow_fraud.environment import Environment, load_environment
from mlflow_fraud.stages.lineage import EXAMPLE_ROWS, FIGURES, require_as_left
from mlflow_fraud.stages.origin import code_of
from mlflow_fraud.stages.paths import VERDICT
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


def not_tracked(tried: Mapping[str, Tried]) -> str:
    """Return the sentence on the candidates that are not in MLflow, and why; empty where all are.

    >>> away = Tried(None, why="nobody listens", away=True)
    >>> not_tracked({"forest": away, "xgboost": away})
    'not in MLflow: forest, xgboost; `mlflow-fraud track` makes up for it (nobody listens)'
    """
    missing = {candidate: each.why for candidate, each in tried.items() if each.logged is None}
    if not missing:
        return ""
    why = "; ".join(dict.fromkeys(missing.values()))
    return f"not in MLflow: {', '.join(missing)}; `mlflow-fraud track` makes up for it ({why})"


def look_at_mlflow() -> bool:
    """Return whether MLflow answers, and say before hours of training that it is away.

    Raises `SettingsError` where it can never be used so.
    """
    try:
        open_tracking(load_environment()).check()
    except TrackingFailed as error:
        say(f"warning: {error} Training goes on without it; `mlflow-fraud track` makes up for it")
        return False
    return True


def require_mlflow() -> None:
    """Raise `TrackingFailed` or `SettingsError` unless MLflow can be used now: a release names its run there."""
    try:
        open_tracking(load_environment()).check()
    except TrackingFailed as error:
        raise TrackingFailed(
            f"{error} A release names its MLflow run and model version, so nothing was promoted; "
            "`mlflow-fraud promote` does it when MLflow is there"
        ) from error


def mark_challenger() -> None:
    """Let the alias `challenger` name the candidate that `verdict.json` is about; where MLflow is away, say so."""
    try:
        version = track(read_json(VERDICT)["challenger"]["candidate"]).model_version
        open_tracking(load_environment()).set_alias("challenger", version)
    except TrackingFailed as error:
        say(f"warning: the alias challenger in MLflow is behind ({error}); the verdict is in {VERDICT}")


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
        example=trained.lineage.matrix[[EXAMPLE_ROWS // 2]],
        params=trained.params,
        metrics={"validation": trained.assessment.validation, "test": trained.assessment.test},
        threshold=trained.assessment.threshold,
        rounds=trained.rounds,
        intervals=trained.assessment.intervals,
        calibration=trained.assessment.calibration.model_dump(mode="json"),
        figures=[trained.folder / name for name in FIGURES],
        data=trained.data,
        tags={"git_sha": git_sha, "feature_schema": trained.schema.sha256},
    )
