"""MLflow as a mirror of what is here: whether it answers, what it lacks, made up for, which version challenges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mlflow_fraud.adapters.mlflow_tracking import Logged
from mlflow_fraud.core.errors import TrackingFailed
from mlflow_fraud.core.learning.candidates import CANDIDATES
from mlflow_fraud.environment import load_environment
from mlflow_fraud.operations.release.comparison import read_comparison
from mlflow_fraud.paths import SHIPPED, VERDICT
from mlflow_fraud.stages.logged import Tried, open_tracking, track
from mlflow_fraud.stages.run import say


def track_all() -> Iterator[tuple[str, Logged]]:
    """Make sure of the run of each candidate and of what ships, one after the other; give where it is."""
    for candidate in (*CANDIDATES, SHIPPED):
        yield candidate, track(candidate)


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
    """Let the alias `challenger` name the candidate that `verdict.json` is about; where MLflow is away, say so.

    Its run tells why it was trained.
    """
    try:
        logged, asked = track(SHIPPED), read_comparison().asked
        tracking = open_tracking(load_environment())
        tracking.set_alias("challenger", logged.model_version)
        if asked:
            tracking.set_tag(logged.run_id, "fraud.asked", asked)
    except TrackingFailed as error:
        say(f"warning: the alias challenger in MLflow is behind ({error}); the verdict is in {VERDICT}")
